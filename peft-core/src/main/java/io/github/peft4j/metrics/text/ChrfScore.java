package io.github.peft4j.metrics.text;

import io.github.peft4j.metrics.Report;
import java.util.Map;

/**
 * A chrF score.
 *
 * @param score the score, from 0 to 100
 * @param name the name, such as {@code chrF2++}
 * @param signature how the score was computed, as sacrebleu writes it; the version is that of the
 *     sacrebleu whose numbers these are
 */
public record ChrfScore(double score, String name, String signature) implements Report {

  /** {@code chrf}. */
  @Override
  public Map<String, Double> values() {
    return Map.of("chrf", score);
  }

  /** As sacrebleu writes it. */
  @Override
  public String toString() {
    return name + " = " + Numbers.fixed(score, 2);
  }
}
