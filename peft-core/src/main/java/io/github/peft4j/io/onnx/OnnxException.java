package io.github.peft4j.io.onnx;

import org.jspecify.annotations.Nullable;

/** A file is not an ONNX model, is damaged, or has no weights that can be recognised. */
public final class OnnxException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  OnnxException(String message) {
    super(message);
  }

  OnnxException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
