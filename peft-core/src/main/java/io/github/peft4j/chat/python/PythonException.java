package io.github.peft4j.chat.python;

/** An operation that Python refuses, or that would cost too much. */
public final class PythonException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  /** An error with Python's message, or ours. */
  public PythonException(String message) {
    super(message, null, false, false);
  }
}
