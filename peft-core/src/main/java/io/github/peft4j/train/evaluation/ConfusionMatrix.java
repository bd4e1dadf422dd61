package io.github.peft4j.train.evaluation;

import java.util.Arrays;
import java.util.stream.IntStream;

/** Counts how often each class was predicted as which. */
public final class ConfusionMatrix {

  private final long[][] counts;

  /**
   * A matrix without counts.
   *
   * @param classes the number of classes
   */
  public ConfusionMatrix(int classes) {
    if (classes < 1) {
      throw new IllegalArgumentException(classes + " classes, expected one at least");
    }
    this.counts = new long[classes][classes];
  }

  /**
   * Counts a prediction.
   *
   * @param label the right class
   * @param prediction the predicted class
   */
  public void add(int label, int prediction) {
    counts[label][prediction]++;
  }

  /**
   * The number of classes.
   *
   * @return the number of classes
   */
  public int classes() {
    return counts.length;
  }

  /**
   * How often examples of a class were predicted as another class, or as itself.
   *
   * @param label the right class
   * @param prediction the predicted class
   * @return the number of times
   */
  public long count(int label, int prediction) {
    return counts[label][prediction];
  }

  /**
   * The number of predictions.
   *
   * @return the sum of all counts
   */
  public long total() {
    return Arrays.stream(counts).flatMapToLong(Arrays::stream).sum();
  }

  /**
   * The fraction of predictions that are right.
   *
   * @return the accuracy, from 0 to 1; NaN without predictions
   */
  public double accuracy() {
    return (double) IntStream.range(0, classes()).mapToLong(i -> counts[i][i]).sum() / total();
  }

  /**
   * The harmonic mean of a class's precision and recall.
   *
   * @param label the class
   * @return 2 right / (occurred + predicted), from 0 to 1; NaN if it neither occurred nor was
   *     predicted
   */
  public double f1(int label) {
    return 2.0 * counts[label][label] / (occurred(label) + predicted(label));
  }

  /**
   * The mean of F1 over the classes that occurred or were predicted, as scikit-learn has it.
   *
   * @return the macro F1, from 0 to 1; NaN without predictions
   */
  public double macroF1() {
    return IntStream.range(0, classes())
        .mapToDouble(this::f1)
        .filter(f1 -> !Double.isNaN(f1))
        .average()
        .orElse(Double.NaN);
  }

  private long occurred(int label) {
    return Arrays.stream(counts[label]).sum();
  }

  private long predicted(int label) {
    return Arrays.stream(counts).mapToLong(row -> row[label]).sum();
  }

  @Override
  public String toString() {
    return "%d predictions of %d classes, accuracy %.4f".formatted(total(), classes(), accuracy());
  }
}
