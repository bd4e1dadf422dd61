package io.github.peft4j.metrics;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/** Metrics of examples that have any number of labels each, as scikit-learn computes them. */
public final class MultiLabel implements Report {

  private final boolean[][] labels;
  private final boolean[][] predictions;
  private final ZeroDivision zeroDivision;
  private final int columns;

  private MultiLabel(boolean[][] labels, boolean[][] predictions, ZeroDivision zeroDivision) {
    Inputs.sameLength("rows of labels", labels.length, "rows of predictions", predictions.length);
    this.columns = Inputs.columns("labels", lengths(labels));
    int predicted = Inputs.columns("predictions", lengths(predictions));
    Inputs.sameLength("labels of a row", columns, "predictions of a row", predicted);
    this.labels = labels;
    this.predictions = predictions;
    this.zeroDivision = zeroDivision;
  }

  static int[] lengths(boolean[][] rows) {
    return Arrays.stream(rows).mapToInt(row -> row.length).toArray();
  }

  /**
   * Metrics of predictions. A fraction whose denominator is 0 is 0.
   *
   * @param labels for each example, whether it has each label: [examples][labels]
   * @param predictions for each example, whether each label was predicted: [examples][labels]
   * @return the metrics
   * @throws IllegalArgumentException if there are no examples or labels, or if the shapes differ
   */
  public static MultiLabel of(boolean[][] labels, boolean[][] predictions) {
    return of(labels, predictions, ZeroDivision.ZERO);
  }

  /**
   * Metrics of predictions.
   *
   * @param labels for each example, whether it has each label: [examples][labels]
   * @param predictions for each example, whether each label was predicted: [examples][labels]
   * @param zeroDivision what precision and recall are if nothing was predicted, or nothing is there
   * @return the metrics
   * @throws IllegalArgumentException if there are no examples or labels, or if the shapes differ
   */
  public static MultiLabel of(
      boolean[][] labels, boolean[][] predictions, ZeroDivision zeroDivision) {
    return new MultiLabel(labels, predictions, zeroDivision);
  }

  /**
   * Precision, recall and F1 of each label.
   *
   * @return one for each label
   */
  public List<PrecisionRecall> perLabel() {
    return IntStream.range(0, columns)
        .mapToObj(
            column ->
                count(
                    IntStream.range(0, labels.length).map(row -> row * columns + column).toArray()))
        .toList();
  }

  /**
   * Precision, recall and F1 of all labels of all examples together.
   *
   * @return the micro average
   */
  public PrecisionRecall micro() {
    return count(IntStream.range(0, labels.length * columns).toArray());
  }

  /**
   * The mean over labels.
   *
   * @return the macro average
   */
  public PrecisionRecall macro() {
    return PrecisionRecall.macro(perLabel());
  }

  /**
   * The mean over labels, weighted by how often they occur.
   *
   * @return the weighted average
   */
  public PrecisionRecall weighted() {
    return PrecisionRecall.weighted(perLabel());
  }

  /**
   * The mean over examples.
   *
   * @return the average over examples
   */
  public PrecisionRecall samples() {
    return PrecisionRecall.macro(
        IntStream.range(0, labels.length)
            .mapToObj(row -> count(IntStream.range(row * columns, (row + 1) * columns).toArray()))
            .toList());
  }

  /**
   * The fraction of examples whose labels are all predicted, and no others.
   *
   * @return the subset accuracy, from 0 to 1
   */
  public double subsetAccuracy() {
    return IntStream.range(0, labels.length)
        .mapToDouble(row -> Arrays.equals(labels[row], predictions[row]) ? 1 : 0)
        .average()
        .orElseThrow();
  }

  /** The three of some cells, numbered row by row. */
  private PrecisionRecall count(int[] cells) {
    long right = 0;
    long predicted = 0;
    long occurred = 0;
    for (int cell : cells) {
      boolean label = labels[cell / columns][cell % columns];
      boolean prediction = predictions[cell / columns][cell % columns];
      right += label && prediction ? 1 : 0;
      predicted += prediction ? 1 : 0;
      occurred += label ? 1 : 0;
    }
    return PrecisionRecall.of(right, predicted, occurred, zeroDivision);
  }

  /**
   * {@code accuracy}, which is the subset accuracy; {@code micro_}, {@code macro_}, {@code
   * weighted_} and {@code samples_} averages of {@code f1}, {@code precision} and {@code recall}.
   */
  @Override
  public Map<String, Double> values() {
    Map<String, Double> values = new LinkedHashMap<>();
    values.put("accuracy", subsetAccuracy());
    Classification.put(values, "micro_", micro());
    Classification.put(values, "macro_", macro());
    Classification.put(values, "weighted_", weighted());
    Classification.put(values, "samples_", samples());
    return values;
  }
}
