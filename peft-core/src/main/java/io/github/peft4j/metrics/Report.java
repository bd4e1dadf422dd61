package io.github.peft4j.metrics;

import java.util.Map;

/** What a metric found out, as named numbers. */
public interface Report {

  /**
   * The numbers by name. The names are those of Hugging Face's examples, without {@code eval_}.
   *
   * @return the numbers, always in the same order; NaN where a number is not defined
   */
  Map<String, Double> values();
}
