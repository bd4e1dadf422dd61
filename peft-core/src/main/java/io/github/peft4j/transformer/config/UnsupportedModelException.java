package io.github.peft4j.transformer.config;

/**
 * Thrown for a model that is not supported because of its family, its head or a setting. The
 * message names the file, the field, its value, and the supported values.
 */
public final class UnsupportedModelException extends IllegalArgumentException {

  private static final long serialVersionUID = 1L;

  /** Creates an exception with the message of another error. */
  public UnsupportedModelException(IllegalArgumentException cause) {
    super(cause.getMessage(), cause);
  }
}
