package io.github.peft4j.metrics;

/**
 * The mean negative logarithm of what the right classes were given, as scikit-learn computes it.
 */
public final class LogLoss {

  /** Rounding of float probabilities is far below, anything that is no distribution far above. */
  private static final double TOLERANCE = 1e-3;

  private static final double EPSILON = Math.ulp(1.0);

  private LogLoss() {}

  /**
   * The log loss of probabilities, which are clipped to what double tells from 0 and 1.
   *
   * @param labels the right class of each example, from 0
   * @param probabilities the probability of each class: [examples][classes]
   * @return the loss, from 0 on, in nats
   * @throws IllegalArgumentException if there are no examples, not as many labels as rows, a class
   *     out of range, or a row that is no distribution
   */
  public static double of(int[] labels, double[][] probabilities) {
    Inputs.sameLength("labels", labels.length, "rows of probabilities", probabilities.length);
    int classes = Inputs.table("probabilities", probabilities);
    double loss = 0;
    for (int i = 0; i < labels.length; i++) {
      Inputs.inRange("label", labels[i], classes);
      checkDistribution(probabilities[i], i);
      loss -= Math.log(clip(probabilities[i][labels[i]]));
    }
    return loss / labels.length;
  }

  private static double clip(double probability) {
    return Math.min(Math.max(probability, EPSILON), 1 - EPSILON);
  }

  private static void checkDistribution(double[] row, int index) {
    double sum = 0;
    for (double probability : row) {
      if (probability < 0 || probability > 1) {
        throw new IllegalArgumentException(
            "row %d has the probability %s, expected 0 to 1".formatted(index, probability));
      }
      sum += probability;
    }
    if (Math.abs(sum - 1) > TOLERANCE) {
      throw new IllegalArgumentException(
          "row %d has probabilities of sum %s, expected 1; are these logits?"
              .formatted(index, sum));
    }
  }
}
