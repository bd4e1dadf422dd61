package io.github.peft4j.data;

/** Says what is wrong with the data, where, what was expected and what to do. */
public sealed class DataException extends IllegalArgumentException permits AnswerTooLongException {

  private static final long serialVersionUID = 1L;

  /**
   * An error in the data.
   *
   * @param message what is wrong, where, and what was expected
   */
  public DataException(String message) {
    super(message);
  }

  /**
   * An error in the data that a parser found.
   *
   * @param message what is wrong, where, and what was expected
   * @param cause what the parser said
   */
  public DataException(String message, Throwable cause) {
    super(message, cause);
  }
}
