package io.github.peft4j.train.step;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.head.PlacedLabels;
import io.github.peft4j.transformer.loss.CrossEntropy;
import io.github.peft4j.transformer.loss.LabelLoss;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/**
 * All that the passes of a batch read and that differs from batch to batch, on the model's device.
 *
 * @param scale factor of the loss in the gradient, a scalar
 */
record StepInputs(ModelInput input, PlacedLabels labels, NDArray scale) {

  /**
   * Places a batch's labels. Their number is rounded up if the loss ignores those that are filled
   * up, so that more batches have the same shapes.
   */
  static StepInputs of(
      ModelCall call, ModelInput input, LossTargets targets, LabelLoss loss, NDArray scale) {
    LossTargets.Rows rows = call.model().labels(targets, call.adapters());
    Shape ids = (input.decoderIds() == null ? input.ids() : input.decoderIds()).getShape();
    long positions = call.model().virtualTokens(call.adapters()) + ids.get(1);
    boolean ignores = loss instanceof CrossEntropy && rows.values().length == 0;
    int size = ignores ? rounded(rows.outputs(), ids.get(0), positions) : rows.outputs();
    long choices = call.model().head().choices(positions);
    return new StepInputs(
        input, PlacedLabels.of(input.ids().getManager(), targets, rows, choices, size), scale);
  }

  /** Rounds up to quarters of all outputs. A label for each row at most stays as it is. */
  private static int rounded(int labels, long rows, long positions) {
    long quarter = (rows * positions + 3) / 4;
    return labels <= rows ? labels : (int) ((labels + quarter - 1) / quarter * quarter);
  }

  /** What tells batches apart that a graph cannot stand for: shapes, and what is there. */
  Object shapes() {
    List<Object> shapes = new ArrayList<>();
    arrays().map(NDArray::getShape).forEach(shapes::add);
    shapes.add(input.mask() != null);
    shapes.add(input.types() != null);
    shapes.add(input.decoderIds() != null);
    shapes.add(input.given() != null);
    shapes.add(input.rightPadded());
    shapes.add(labels.isFilledUp());
    return shapes;
  }

  /** Takes the values of another batch with the same {@link #shapes}. */
  void load(StepInputs other) {
    List<NDArray> sources = other.arrays().toList();
    List<NDArray> targets = arrays().toList();
    for (int i = 0; i < targets.size(); i++) {
      Tensors.copy(targets.get(i), sources.get(i));
    }
  }

  /** A copy, which the caller closes. */
  StepInputs copy() {
    UnaryOperator<NDArray> copied = array -> Scope.release(array.duplicate());
    return new StepInputs(
        input.map(copied),
        new PlacedLabels(
            labels.rows(), copied.apply(labels.outputs()), copied.apply(labels.targets())),
        copied.apply(scale));
  }

  void close() {
    arrays().forEach(NDArray::close);
  }

  private Stream<NDArray> arrays() {
    return Stream.concat(input.arrays(), Stream.of(labels.outputs(), labels.targets(), scale));
  }
}
