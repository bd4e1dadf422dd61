package io.github.peft4j.generate;

/** When a beam search ends, once it has as many finished texts as beams. */
public enum EarlyStopping {
  /**
   * As soon as the best text in progress, at its present length, is worse than the worst finished
   * one: {@code false} in Hugging Face transformers. This is a guess, since the score of a longer
   * text may be better.
   */
  FALSE,
  /** At once: {@code true} in Hugging Face transformers. */
  TRUE,
  /** When no text in progress can become better than the worst finished one: {@code "never"}. */
  NEVER
}
