package io.github.peft4j.train;

/** A training cannot continue. The message names the step, the reason and what was saved. */
public final class TrainingException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  /** Creates the exception with this message. */
  public TrainingException(String message) {
    super(message);
  }
}
