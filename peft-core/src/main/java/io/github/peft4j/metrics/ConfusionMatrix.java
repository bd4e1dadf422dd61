package io.github.peft4j.metrics;

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
   * The matrix of predictions.
   *
   * @param labels the right class of each example, from 0
   * @param predictions the predicted class of each example, from 0
   * @param classes the number of classes
   * @return the matrix
   * @throws IllegalArgumentException if there are no examples, not as many labels as predictions,
   *     or a class out of range
   */
  public static ConfusionMatrix of(int[] labels, int[] predictions, int classes) {
    Inputs.sameLength("labels", labels.length, "predictions", predictions.length);
    ConfusionMatrix matrix = new ConfusionMatrix(classes);
    for (int i = 0; i < labels.length; i++) {
      matrix.add(labels[i], predictions[i]);
    }
    return matrix;
  }

  /**
   * Counts a prediction.
   *
   * @param label the right class
   * @param prediction the predicted class
   * @throws IllegalArgumentException if there is no such class
   */
  public void add(int label, int prediction) {
    Inputs.inRange("label", label, classes());
    Inputs.inRange("prediction", prediction, classes());
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
   * The number of right predictions.
   *
   * @return the sum of the diagonal
   */
  public long right() {
    return IntStream.range(0, classes()).mapToLong(i -> counts[i][i]).sum();
  }

  /**
   * How many examples are of a class.
   *
   * @param label the class
   * @return the sum of the class's row
   */
  public long occurred(int label) {
    return Arrays.stream(counts[label]).sum();
  }

  /**
   * How often a class was predicted.
   *
   * @param prediction the class
   * @return the sum of the class's column
   */
  public long predicted(int prediction) {
    return Arrays.stream(counts).mapToLong(row -> row[prediction]).sum();
  }

  @Override
  public String toString() {
    return "%d predictions of %d classes, %d right".formatted(total(), classes(), right());
  }
}
