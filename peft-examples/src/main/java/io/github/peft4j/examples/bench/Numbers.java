package io.github.peft4j.examples.bench;

/** Numbers as a result shows them. */
final class Numbers {

  private Numbers() {}

  /** To four decimals. */
  static double rounded(double value) {
    return Math.rint(1e4 * value) / 1e4;
  }
}
