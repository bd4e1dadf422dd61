package io.github.peft4j.translate;

/** How tags of tokens become entities, as in transformers' TokenClassificationPipeline. */
public enum Aggregation {
  /** Each token with a tag is an entity of its own, with the tag as its type. */
  NONE,
  /**
   * Tokens that follow each other with the same type are one entity; {@code B-} starts a new one.
   */
  SIMPLE,
  /** As {@link #SIMPLE}, but for whole words, which have the tag of their first token. */
  FIRST,
  /** As {@link #SIMPLE}, but for whole words, by the mean probabilities of their tokens. */
  AVERAGE,
  /** As {@link #SIMPLE}, but for whole words, which have the tag of their surest token. */
  MAX
}
