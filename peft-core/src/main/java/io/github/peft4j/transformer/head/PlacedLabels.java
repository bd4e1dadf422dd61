package io.github.peft4j.transformer.head;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.transformer.pass.LossTargets;
import java.util.Arrays;
import java.util.stream.Stream;

/**
 * The labels of a batch on the model's device.
 *
 * @param rows the labels, and the outputs that they are of
 * @param outputs (N), the index of each label's output, int64
 * @param targets classes (N), int64, or values (N, V) in 64 bits. Those behind the last label are
 *     {@link LossTargets#IGNORED}
 */
public record PlacedLabels(LossTargets.Rows rows, NDArray outputs, NDArray targets) {

  /**
   * Places labels.
   *
   * @param manager of the device
   * @param targets the labels as they were given, to say where a wrong one stands
   * @param rows those that count
   * @param choices the number of classes, or of values
   * @param size N, at least the number of labels; classes are filled up to it
   * @throws IllegalArgumentException if there is no label, or one is out of range
   */
  public static PlacedLabels of(
      NDManager manager, LossTargets targets, LossTargets.Rows rows, long choices, int size) {
    if (rows.outputs() == 0) {
      throw new IllegalArgumentException(
          "no label of this batch counts: every one is " + LossTargets.IGNORED);
    }
    requireRange(targets, rows, choices);
    if (rows.values().length > 0) {
      double[] values = Stream.of(rows.values()).flatMapToDouble(Arrays::stream).toArray();
      return new PlacedLabels(
          rows,
          manager.create(rows.rows()),
          manager.create(values, new Shape(rows.outputs(), choices)));
    }
    long[] classes = Arrays.copyOf(rows.classes(), size);
    Arrays.fill(classes, rows.outputs(), size, LossTargets.IGNORED);
    return new PlacedLabels(
        rows, manager.create(Arrays.copyOf(rows.rows(), size)), manager.create(classes));
  }

  /** N, those that are filled up included. */
  public int size() {
    return (int) outputs.getShape().get(0);
  }

  /** Whether some of the N are no labels. */
  public boolean isFilledUp() {
    return size() > rows.outputs();
  }

  private static void requireRange(LossTargets targets, LossTargets.Rows labels, long choices) {
    for (long label : labels.classes()) {
      if (label < 0 || label >= choices) {
        throw new IllegalArgumentException(
            "label %d%s is out of range: the model has %d classes, 0 to %d; load the model with as many labels as the data has; those of a language model are ids of its own tokenizer, or %d for tokens that do not count"
                .formatted(label, targets.place(label), choices, choices - 1, LossTargets.IGNORED));
      }
    }
    for (double[] values : labels.values()) {
      if (values.length != choices) {
        throw new IllegalArgumentException(
            "a text has %d values, but the model gives %d; load the model with as many labels as the data has"
                .formatted(values.length, choices));
      }
    }
  }
}
