package io.github.peft4j.train;

/** A training that cannot go on: the message says at which step, why, and what is saved. */
public final class TrainingException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  /** With a message. */
  public TrainingException(String message) {
    super(message);
  }
}
