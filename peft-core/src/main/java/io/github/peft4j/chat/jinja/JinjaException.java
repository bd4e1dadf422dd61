package io.github.peft4j.chat.jinja;

/** A template that cannot be read, or that fails for some values. */
public final class JinjaException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  private final int line;

  /** An error in a line of the template, from 1 on. */
  public JinjaException(int line, String message) {
    super(message, null, false, false);
    this.line = line;
  }

  /** The template's line, from 1 on. */
  public int line() {
    return line;
  }
}
