package io.github.peft4j.examples.bench;

/** A measurement that means nothing, such as that of a training without gradients. */
public final class UnsoundException extends RuntimeException {

  private static final long serialVersionUID = 1;

  /** Creates an exception. */
  public UnsoundException(String message) {
    super(message);
  }
}
