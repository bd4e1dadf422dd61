package io.github.peft4j.methods.cpt;

import io.github.peft4j.data.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.List;

/**
 * In-context examples, as token ids and their types.
 *
 * <pre>{@code
 * CptConfig config =
 *     new CptContext(model.tokenizer())
 *         .example("Review: ", "A film to remember.", "\nSentiment: ", "positive")
 *         .example("\n\nReview: ", "I left after an hour.", "\nSentiment: ", "negative")
 *         .config();
 * }</pre>
 */
public final class CptContext {

  private final Tokenizer tokenizer;
  private final List<Integer> ids = new ArrayList<>();
  private final List<Integer> types = new ArrayList<>();
  private int examples;

  /**
   * A context without examples.
   *
   * @param tokenizer the model's
   */
  public CptContext(Tokenizer tokenizer) {
    this.tokenizer = tokenizer;
  }

  /**
   * Adds an example.
   *
   * @param before the text in front of the input; it may be empty
   * @param input the input
   * @param between the text between input and label; it may be empty
   * @param label the label, which has at least one token
   * @throws IllegalArgumentException if the label has no token
   */
  public CptContext example(String before, String input, String between, String label) {
    int first = 4 * examples;
    if (tokenizer.encode(label, false).length == 0) {
      throw new IllegalArgumentException(
          "the label of example %d has no token; expected a text".formatted(examples + 1));
    }
    add(before, first + 1);
    add(input, first + 2);
    add(between, first + 3);
    add(label, first + 4);
    examples++;
    return this;
  }

  private void add(String text, int type) {
    for (long id : tokenizer.encode(text, false)) {
      ids.add(Math.toIntExact(id));
      types.add(type);
    }
  }

  /**
   * PEFT's defaults with this context for the prompt.
   *
   * @throws IllegalStateException without an example
   */
  public CptConfig config() {
    if (examples == 0) {
      throw new IllegalStateException("the context has no example: call example(…)");
    }
    return CptConfig.of(List.copyOf(ids), List.copyOf(types));
  }
}
