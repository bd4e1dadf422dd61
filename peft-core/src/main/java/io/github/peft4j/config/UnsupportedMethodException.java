package io.github.peft4j.config;

/**
 * An adapter of a method that is not on the class path, or with a setting that is not supported.
 */
public final class UnsupportedMethodException extends IllegalArgumentException {

  private static final long serialVersionUID = 1L;

  /** With a message that names what is supported. */
  public UnsupportedMethodException(String message) {
    super(message);
  }
}
