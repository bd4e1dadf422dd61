package io.github.peft4j.transformer.config;

/**
 * A model that asks for what is not supported: another family, another kind of head, another way to
 * compute. The message names the file, the field, its value, and the values that are supported.
 */
public final class UnsupportedModelException extends IllegalArgumentException {

  private static final long serialVersionUID = 1L;

  /** With the message of another error, which names the field and what is supported. */
  public UnsupportedModelException(IllegalArgumentException cause) {
    super(cause.getMessage(), cause);
  }
}
