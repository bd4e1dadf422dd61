package io.github.peft4j.data;

/**
 * The data is not usable. The message names the place, the problem, the expected value and the
 * remedy.
 */
public sealed class DataException extends IllegalArgumentException permits AnswerTooLongException {

  private static final long serialVersionUID = 1L;

  /**
   * An error in the data.
   *
   * @param message the problem, the place, and what was expected
   */
  public DataException(String message) {
    super(message);
  }

  /**
   * An error in the data that a parser found.
   *
   * @param message the problem, the place, and what was expected
   * @param cause the parser's exception
   */
  public DataException(String message, Throwable cause) {
    super(message, cause);
  }
}
