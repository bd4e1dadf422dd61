package io.github.peft4j.transformer;

/** A model of a family that cannot be loaded; the message names those that can. */
public final class UnsupportedModelException extends IllegalArgumentException {

  private static final long serialVersionUID = 1L;

  /** With a message. */
  public UnsupportedModelException(String message) {
    super(message);
  }
}
