package io.github.peft4j.metrics;

import java.util.List;
import java.util.function.ToDoubleFunction;
import java.util.stream.DoubleStream;

/**
 * Precision, recall and F1, of one class or averaged.
 *
 * @param precision the fraction of what was predicted that is right, from 0 to 1
 * @param recall the fraction of what is there that was predicted, from 0 to 1
 * @param f1 their harmonic mean, from 0 to 1; of an average, the average of F1
 * @param support how many are there
 */
public record PrecisionRecall(double precision, double recall, double f1, long support) {

  /**
   * Computes the three from counts.
   *
   * @param right how many predictions are right
   * @param predicted how many were predicted
   * @param occurred how many are there
   * @param zeroDivision what a fraction is whose denominator is 0
   * @return the three
   */
  public static PrecisionRecall of(
      long right, long predicted, long occurred, ZeroDivision zeroDivision) {
    return new PrecisionRecall(
        zeroDivision.divide((double) right, predicted),
        zeroDivision.divide((double) right, occurred),
        zeroDivision.divide(2.0 * right, predicted + occurred),
        occurred);
  }

  /**
   * The mean over classes, each counting the same.
   *
   * @param classes the classes
   * @return the mean of the values that are not NaN; NaN without classes
   */
  public static PrecisionRecall macro(List<PrecisionRecall> classes) {
    return average(classes, c -> 1);
  }

  /**
   * The mean over classes, each counting by its support.
   *
   * @param classes the classes
   * @return the mean of the values that are not NaN; as the macro mean if no class has support
   */
  public static PrecisionRecall weighted(List<PrecisionRecall> classes) {
    return average(classes, PrecisionRecall::support);
  }

  private static PrecisionRecall average(
      List<PrecisionRecall> classes, ToDoubleFunction<PrecisionRecall> weight) {
    return new PrecisionRecall(
        average(classes, PrecisionRecall::precision, weight),
        average(classes, PrecisionRecall::recall, weight),
        average(classes, PrecisionRecall::f1, weight),
        classes.stream().mapToLong(PrecisionRecall::support).sum());
  }

  private static double average(
      List<PrecisionRecall> classes,
      ToDoubleFunction<PrecisionRecall> value,
      ToDoubleFunction<PrecisionRecall> weight) {
    List<PrecisionRecall> defined =
        classes.stream().filter(c -> !Double.isNaN(value.applyAsDouble(c))).toList();
    double weights = defined.stream().mapToDouble(weight).sum();
    if (weights == 0) {
      return values(defined, value).average().orElse(Double.NaN);
    }
    return defined.stream().mapToDouble(c -> value.applyAsDouble(c) * weight.applyAsDouble(c)).sum()
        / weights;
  }

  private static DoubleStream values(
      List<PrecisionRecall> classes, ToDoubleFunction<PrecisionRecall> value) {
    return classes.stream().mapToDouble(value);
  }
}
