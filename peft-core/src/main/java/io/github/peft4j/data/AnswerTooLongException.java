package io.github.peft4j.data;

/** An answer does not fit into the most tokens that an example may have. */
public final class AnswerTooLongException extends DataException {

  private static final long serialVersionUID = 1L;

  /** The smallest {@code maxLength} that the answer fits into, in tokens. */
  private final int needed;

  public AnswerTooLongException(String message, int needed) {
    super(message);
    this.needed = needed;
  }

  public int needed() {
    return needed;
  }
}
