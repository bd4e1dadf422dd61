package io.github.peft4j.metrics;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * Metrics of examples that have one class each, as scikit-learn computes them.
 *
 * @param matrix the counts of predictions
 * @param zeroDivision what precision and recall are if nothing was predicted, or nothing is there
 */
public record Classification(ConfusionMatrix matrix, ZeroDivision zeroDivision) implements Report {

  /**
   * Metrics of counts.
   *
   * @param matrix the counts of predictions
   * @param zeroDivision what precision and recall are if nothing was predicted, or nothing is there
   * @throws IllegalArgumentException if there are no predictions
   */
  public Classification {
    if (matrix.total() == 0) {
      throw new IllegalArgumentException("no predictions, expected one at least");
    }
  }

  /**
   * Metrics of predictions. A fraction whose denominator is 0 is 0.
   *
   * @param labels the right class of each example, from 0
   * @param predictions the predicted class of each example, from 0
   * @param classes the number of classes
   * @return the metrics
   * @throws IllegalArgumentException if there are no examples, not as many labels as predictions,
   *     or a class out of range
   */
  public static Classification of(int[] labels, int[] predictions, int classes) {
    return new Classification(ConfusionMatrix.of(labels, predictions, classes), ZeroDivision.ZERO);
  }

  /**
   * The fraction of predictions that are right.
   *
   * @return the accuracy, from 0 to 1
   */
  public double accuracy() {
    return (double) matrix.right() / matrix.total();
  }

  /**
   * Precision, recall and F1 of each class.
   *
   * @return one for each class, also for those that neither occurred nor were predicted
   */
  public List<PrecisionRecall> perClass() {
    return IntStream.range(0, matrix.classes()).mapToObj(this::ofClass).toList();
  }

  private PrecisionRecall ofClass(int label) {
    return PrecisionRecall.of(
        matrix.count(label, label), matrix.predicted(label), matrix.occurred(label), zeroDivision);
  }

  /** scikit-learn's {@code labels=None}: the classes that occurred or were predicted. */
  private List<PrecisionRecall> present() {
    return IntStream.range(0, matrix.classes())
        .filter(i -> matrix.occurred(i) + matrix.predicted(i) > 0)
        .mapToObj(this::ofClass)
        .toList();
  }

  /**
   * Precision, recall and F1 of all predictions together. All three are the accuracy.
   *
   * @return the micro average
   */
  public PrecisionRecall micro() {
    return PrecisionRecall.of(matrix.right(), matrix.total(), matrix.total(), zeroDivision);
  }

  /**
   * The mean over the classes that occurred or were predicted.
   *
   * @return the macro average
   */
  public PrecisionRecall macro() {
    return PrecisionRecall.macro(present());
  }

  /**
   * The mean over the classes, weighted by how often they occurred.
   *
   * @return the weighted average
   */
  public PrecisionRecall weighted() {
    return PrecisionRecall.weighted(present());
  }

  /**
   * Matthews' correlation coefficient, for any number of classes.
   *
   * @return the coefficient, from -1 to 1; 0 if all labels or all predictions are of one class
   */
  public double matthews() {
    double n = matrix.total();
    double both = matrix.right() * n;
    double labels = n * n;
    double predictions = n * n;
    for (int i = 0; i < matrix.classes(); i++) {
      double occurred = matrix.occurred(i);
      double predicted = matrix.predicted(i);
      both -= occurred * predicted;
      labels -= occurred * occurred;
      predictions -= predicted * predicted;
    }
    double product = labels * predictions;
    return product == 0 ? 0 : both / Math.sqrt(product);
  }

  /**
   * {@code accuracy}; of two classes, {@code f1}, {@code precision} and {@code recall} of class 1;
   * {@code macro_} and {@code weighted_} averages of the three; {@code matthews_correlation}.
   */
  @Override
  public Map<String, Double> values() {
    Map<String, Double> values = new LinkedHashMap<>();
    values.put("accuracy", accuracy());
    if (matrix.classes() == 2) {
      put(values, "", ofClass(1));
    }
    put(values, "macro_", macro());
    put(values, "weighted_", weighted());
    values.put("matthews_correlation", matthews());
    return values;
  }

  static void put(Map<String, Double> values, String prefix, PrecisionRecall scores) {
    values.put(prefix + "f1", scores.f1());
    values.put(prefix + "precision", scores.precision());
    values.put(prefix + "recall", scores.recall());
  }
}
