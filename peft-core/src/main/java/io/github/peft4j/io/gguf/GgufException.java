package io.github.peft4j.io.gguf;

import org.jspecify.annotations.Nullable;

/**
 * A GGUF file is damaged, or has something that is not read here. The message names the file, the
 * field, the value found, the value expected and the remedy.
 */
public final class GgufException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  GgufException(String message) {
    super(message);
  }

  GgufException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
