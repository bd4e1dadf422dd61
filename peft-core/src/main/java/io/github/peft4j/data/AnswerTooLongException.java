package io.github.peft4j.data;

import io.github.peft4j.advice.Remedy;

/** An answer does not fit into the most tokens that an example may have. */
public final class AnswerTooLongException extends DataException {

  private static final long serialVersionUID = 1L;

  /** The smallest {@code maxLength} that the answer fits into, in tokens. */
  private final int needed;

  /**
   * An answer that is too long. What to do is advised.
   *
   * @param fact how long it is, and what is allowed; without a full stop
   * @param needed the smallest {@code maxLength} that the answer fits into, in tokens
   */
  public AnswerTooLongException(String fact, int needed) {
    super(
        fact,
        Remedy.ALLOW_LENGTH.with(
            "Raise it to %d or filter such examples out; FineTuner's skipTooLong() leaves them out"
                .formatted(needed),
            needed));
    this.needed = needed;
  }

  public int needed() {
    return needed;
  }
}
