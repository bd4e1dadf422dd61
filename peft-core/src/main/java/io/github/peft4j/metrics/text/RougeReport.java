package io.github.peft4j.metrics.text;

import io.github.peft4j.metrics.Report;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The mean ROUGE scores of many predictions.
 *
 * @param scores the mean precision, recall and F by type, such as {@code rouge1}
 */
public record RougeReport(Map<String, RougeScore> scores) implements Report {

  /** The mean F of each type, in percent as in Hugging Face's examples. */
  @Override
  public Map<String, Double> values() {
    Map<String, Double> values = new LinkedHashMap<>();
    scores.forEach((type, score) -> values.put(type, 100 * score.fmeasure()));
    return values;
  }
}
