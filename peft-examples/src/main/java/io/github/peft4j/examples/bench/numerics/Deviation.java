package io.github.peft4j.examples.bench.numerics;

import static java.util.Objects.requireNonNull;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * How far two trainings are apart.
 *
 * @param loss the largest difference of a step's losses
 * @param norm the largest difference of a step's gradient norms, relative to their mean
 * @param gradient the norm of the difference of a tensor's first gradients, relative to the
 *     gradient's norm, in the tensor where it is largest
 * @param change the norm of the difference of a tensor's changes in the whole training, relative to
 *     the change's norm, in the tensor where it is largest
 */
record Deviation(double loss, double norm, double gradient, double change) {

  /** How far a training is from another. */
  static Deviation of(Trajectory one, Trajectory other) {
    double loss = 0;
    double norm = 0;
    for (int i = 0; i < one.losses().length; i++) {
      loss = Math.max(loss, Math.abs(one.losses()[i] - other.losses()[i]));
      norm = Math.max(norm, Math.abs(one.norms()[i] - other.norms()[i]));
    }
    return new Deviation(
        loss,
        norm / Arrays.stream(other.norms()).average().orElseThrow(),
        largest(one.gradients(), other.gradients()),
        largest(one.changes(), other.changes()));
  }

  /** The largest numbers among all pairs of trainings. */
  static Deviation ofPairs(List<Trajectory> trainings) {
    Deviation largest = new Deviation(0, 0, 0, 0);
    for (int i = 0; i < trainings.size(); i++) {
      for (int j = 0; j < i; j++) {
        largest = largest.max(of(trainings.get(i), trainings.get(j)));
      }
    }
    return largest;
  }

  /** These numbers, with the gradient's of another. */
  Deviation withGradient(Deviation other) {
    return new Deviation(loss, norm, other.gradient, change);
  }

  private Deviation max(Deviation other) {
    return new Deviation(
        Math.max(loss, other.loss),
        Math.max(norm, other.norm),
        Math.max(gradient, other.gradient),
        Math.max(change, other.change));
  }

  private static double largest(Map<String, float[]> one, Map<String, float[]> other) {
    if (!one.keySet().equals(other.keySet())) {
      throw new IllegalStateException("other tensors: " + one.keySet() + ", " + other.keySet());
    }
    return one.keySet().stream()
        .mapToDouble(
            name -> relative(requireNonNull(one.get(name)), requireNonNull(other.get(name))))
        .max()
        .orElseThrow();
  }

  private static double relative(float[] one, float[] other) {
    return norm(Trajectory.difference(one, other)) / norm(other);
  }

  private static double norm(float[] values) {
    double sum = 0;
    for (float value : values) {
      sum += (double) value * value;
    }
    return Math.sqrt(sum);
  }

  /** Whether each number is at most a multiple of another's. NaN is not. */
  boolean isWithin(double factor, Deviation other) {
    return loss <= factor * other.loss
        && norm <= factor * other.norm
        && gradient <= factor * other.gradient
        && change <= factor * other.change;
  }

  /** Its numbers by name, to three digits. */
  Map<String, Object> numbers() {
    return Map.of(
        "loss", rounded(loss),
        "norm", rounded(norm),
        "gradient", rounded(gradient),
        "change", rounded(change));
  }

  private static double rounded(double value) {
    return Double.isFinite(value)
        ? new BigDecimal(value).round(new MathContext(3)).doubleValue()
        : value;
  }
}
