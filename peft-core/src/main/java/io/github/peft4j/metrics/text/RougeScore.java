package io.github.peft4j.metrics.text;

/**
 * A ROUGE score.
 *
 * @param precision the fraction of what was predicted that is in the reference, from 0 to 1
 * @param recall the fraction of the reference that was predicted, from 0 to 1
 * @param fmeasure their harmonic mean, from 0 to 1
 */
public record RougeScore(double precision, double recall, double fmeasure) {

  /** 0 if nothing was predicted, or the reference is empty. */
  static RougeScore of(long common, long predicted, long reference) {
    double precision = (double) common / Math.max(1, predicted);
    double recall = (double) common / Math.max(1, reference);
    double sum = precision + recall;
    return new RougeScore(precision, recall, sum > 0 ? 2 * precision * recall / sum : 0);
  }
}
