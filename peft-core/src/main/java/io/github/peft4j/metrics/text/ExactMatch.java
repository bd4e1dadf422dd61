package io.github.peft4j.metrics.text;

import io.github.peft4j.metrics.Inputs;
import io.github.peft4j.metrics.Report;
import java.util.List;
import java.util.Map;

/**
 * How many predicted texts are the same as the right ones, character by character.
 *
 * @param exactMatch the fraction, from 0 to 1
 */
public record ExactMatch(double exactMatch) implements Report {

  /**
   * Compares texts.
   *
   * @param references the texts that are right
   * @param predictions the predicted texts
   * @return the fraction that is the same
   * @throws IllegalArgumentException if there are no texts, or not as many of both
   */
  public static ExactMatch of(List<String> references, List<String> predictions) {
    int n = Inputs.sameLength("references", references.size(), "predictions", predictions.size());
    int same = 0;
    for (int i = 0; i < n; i++) {
      same += references.get(i).equals(predictions.get(i)) ? 1 : 0;
    }
    return new ExactMatch((double) same / n);
  }

  /** {@code exact_match}. */
  @Override
  public Map<String, Double> values() {
    return Map.of("exact_match", exactMatch);
  }
}
