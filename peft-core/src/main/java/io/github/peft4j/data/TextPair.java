package io.github.peft4j.data;

/**
 * Two texts of one question, as a premise and a hypothesis, or a query and a passage. A tokenizer
 * joins them as the model was trained to read pairs, often with segment ids of their own.
 *
 * @param first the text that comes first in training: {@code .text(column)}
 * @param second the one after it: {@code .pair(column)}
 */
public record TextPair(String first, String second) {

  /** Checks that both are there. */
  public TextPair {
    if (first == null || second == null) {
      throw new IllegalArgumentException(
          "the " + (first == null ? "first" : "second") + " text of the pair is null");
    }
  }
}
