package io.github.peft4j.io.torch;

import org.jspecify.annotations.Nullable;

/**
 * A file of PyTorch is damaged, or holds something other than tensors. The message names the file,
 * what was found, what was expected and the remedy.
 */
public final class TorchFileException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  TorchFileException(String message) {
    super(message);
  }

  TorchFileException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }

  static TorchFileException damaged(Object file, String found) {
    return damaged(file, found, null);
  }

  static TorchFileException damaged(Object file, String found, @Nullable Throwable cause) {
    return new TorchFileException(
        file + ": " + found + "; the file is damaged or incomplete: fetch it again", cause);
  }

  static TorchFileException unsupported(Object file, String what) {
    return new TorchFileException(
        file
            + ": its pickle holds "
            + what
            + ", expected a dictionary of tensors and nothing else. peft4j runs no Python. If you"
            + " trust the file, load it in Python and save its tensors as safetensors");
  }
}
