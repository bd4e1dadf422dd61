package io.github.peft4j.data;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A text, or a pair of texts, with a number to predict, such as a score.
 *
 * @param text the text
 * @param pair the second text, such as the passage that a query is compared with, or null
 * @param value the number; finite
 */
public record RegressionExample(String text, @Nullable String pair, double value)
    implements Example {

  /** Checks that the value is finite. */
  public RegressionExample {
    if (!Double.isFinite(value)) {
      throw new DataException("the value is %s, expected a finite number".formatted(value));
    }
  }

  /**
   * A single text and its number.
   *
   * @param text the text
   * @param value the number; finite
   */
  public RegressionExample(String text, double value) {
    this(text, null, value);
  }

  @Override
  public List<String> fields() {
    String number = Double.toString(value);
    return pair == null ? List.of(text, number) : List.of(text, pair, number);
  }
}
