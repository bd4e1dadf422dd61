package io.github.peft4j.data;

import io.github.peft4j.advice.Advice;
import io.github.peft4j.advice.Advised;
import io.github.peft4j.advice.AdvisedException;
import org.jspecify.annotations.Nullable;

/**
 * The data is not usable. The message names the place, the problem, the expected value and the
 * remedy.
 */
public sealed class DataException extends AdvisedException permits AnswerTooLongException {

  private static final long serialVersionUID = 1L;

  /**
   * An error in the data.
   *
   * @param message the problem, the place, and what was expected
   */
  public DataException(String message) {
    this(message, null, null);
  }

  /**
   * An error in the data with advice.
   *
   * @param fact the problem, the place, and what was expected; without a full stop
   */
  public DataException(String fact, Advice advice) {
    this(fact, advice, null);
  }

  /**
   * An error in the data that a parser found.
   *
   * @param message the problem, the place, and what was expected
   * @param cause the parser's exception
   */
  public DataException(String message, Throwable cause) {
    this(message, null, cause);
  }

  private DataException(String fact, @Nullable Advice advice, @Nullable Throwable cause) {
    super(fact, advice, cause);
  }

  /**
   * An error with the place where it was found before it.
   *
   * @param place such as a file and a line
   */
  public static DataException at(String place, Throwable error) {
    return new DataException(
        place + ": " + Advised.fact(error), Advised.advice(error).orElse(null), error);
  }
}
