package io.github.peft4j.transformer;

/** A model of a family that cannot be loaded; the message names those that can. */
public final class UnsupportedModelException extends IllegalArgumentException {

  private static final long serialVersionUID = 1L;

  /** With the message of another error, which names the supported types. */
  public UnsupportedModelException(IllegalArgumentException cause) {
    super(cause.getMessage(), cause);
  }
}
