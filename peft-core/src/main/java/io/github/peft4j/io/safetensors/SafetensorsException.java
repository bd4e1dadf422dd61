package io.github.peft4j.io.safetensors;

import org.jspecify.annotations.Nullable;

/**
 * A safetensors file, or the index of several, is malformed. The message says which file, where in
 * it, what was found and what was expected, and what to do.
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
