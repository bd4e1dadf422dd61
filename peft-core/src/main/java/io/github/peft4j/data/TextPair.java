package io.github.peft4j.data;

/**
 * A pair of texts, such as a premise and a hypothesis, or a query and a passage. A tokenizer joins
 * them in the form that the model was trained on, often with segment ids.
 *
 * @param first the first text, as given to {@code .text(column)} in training
 * @param second the second text, as given to {@code .pair(column)} in training
 */
public record TextPair(String first, String second) {

  /** Checks that neither text is null. */
  public TextPair {
    if (first == null || second == null) {
      throw new IllegalArgumentException(
          "the " + (first == null ? "first" : "second") + " text of the pair is null");
    }
  }
}
