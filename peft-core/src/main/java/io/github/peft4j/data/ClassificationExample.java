package io.github.peft4j.data;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A text, or a pair of texts, that belongs to a class.
 *
 * @param text the text
 * @param pair the second text of a pair task such as entailment, or null
 * @param label the name of the class
 */
public record ClassificationExample(String text, @Nullable String pair, String label)
    implements Example {

  /**
   * A single text and its class.
   *
   * @param text the text
   * @param label the name of the class
   */
  public ClassificationExample(String text, String label) {
    this(text, null, label);
  }

  @Override
  public List<String> fields() {
    return pair == null ? List.of(text, label) : List.of(text, pair, label);
  }
}
