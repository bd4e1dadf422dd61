package io.github.peft4j.io.safetensors;

import org.jspecify.annotations.Nullable;

/**
 * A safetensors file, or the index of several, is malformed. The message names the file, the place,
 * the value found, the value expected and the remedy.
 */
public final class SafetensorsException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  SafetensorsException(String message) {
    super(message);
  }

  SafetensorsException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
