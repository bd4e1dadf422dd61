package io.github.peft4j.train.embedding;

/** Checks of the losses' numbers. */
final class Checks {

  private Checks() {}

  static void require(double scale) {
    if (!(scale > 0) || Double.isInfinite(scale)) {
      throw new IllegalArgumentException(
          "scale is " + scale + "; expected a finite number above 0, the inverse of a temperature");
    }
  }

  static void requireMargin(double margin) {
    if (!(margin > 0) || Double.isInfinite(margin)) {
      throw new IllegalArgumentException(
          "margin is " + margin + "; expected a finite number above 0");
    }
  }

  static void requireCosine(double score) {
    if (score < -1 || score > 1) {
      throw new IllegalArgumentException(
          "the score "
              + score
              + " is no cosine; expected -1 to 1. Divide scores from 0 to 5 by 5, for example");
    }
  }
}
