package io.github.peft4j.config;

/**
 * Thrown for an adapter whose method is not on the class path, or that has an unsupported setting.
 */
public final class UnsupportedMethodException extends IllegalArgumentException {

  private static final long serialVersionUID = 1L;

  /**
   * Creates an exception.
   *
   * @param message names the supported values
   */
  public UnsupportedMethodException(String message) {
    super(message);
  }
}
