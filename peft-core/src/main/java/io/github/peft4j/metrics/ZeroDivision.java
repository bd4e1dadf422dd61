package io.github.peft4j.metrics;

/** What a fraction is whose denominator is 0: {@code zero_division} of scikit-learn and seqeval. */
public enum ZeroDivision {
  /** 0, the default of both. */
  ZERO(0),
  /** 1. */
  ONE(1),
  /** NaN, which averages leave out. scikit-learn alone has it. */
  NAN(Double.NaN);

  private final double value;

  ZeroDivision(double value) {
    this.value = value;
  }

  /**
   * Divides.
   *
   * @param numerator the numerator
   * @param denominator the denominator
   * @return the fraction, or this rule's value if the denominator is 0
   */
  double divide(double numerator, long denominator) {
    return denominator == 0 ? value : numerator / (double) denominator;
  }
}
