package io.github.peft4j.methods.shira;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.LinearSite;

/** W + S, where S has k trainable elements at the positions [2, k]: rows, then columns. */
final class SparseDelta extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final Kernel ADD =
      Kernel.of(
          """
          def add(w: Tensor, values: Tensor, places: Tensor) -> Tensor:          # values (k)
              rows = torch.to(torch.select(places, 0, 0), 4)
              columns = torch.to(torch.select(places, 0, 1), 4)
              flat = torch.add({first}, {second}, alpha=torch.size(w, 1))
              sum = torch.index_add(torch.reshape(w, [-1]), 0, flat, values.to(w.dtype))
              return torch.reshape(sum, torch.size(w))
          """);
  private static final Kernel PLAIN = ADD.with("first", "columns").with("second", "rows");
  private static final Kernel TRANSPOSED = ADD.with("first", "rows").with("second", "columns");

  private final String module;
  private final long in;
  private final long out;
  private final Trainable values;
  private final Trainable places;
  private final Kernel add;

  /**
   * Creates the adapter of one linear layer.
   *
   * @param values initial value of the trainable elements [k]
   * @param chosen their positions in the weight [out, in], in row-major order (k)
   */
  SparseDelta(LinearSite site, NDArray values, long[] chosen) {
    this.module = site.name();
    this.in = site.inFeatures();
    this.out = site.outFeatures();
    this.values = trainable("shira_weight", values);
    int count = chosen.length;
    int[] pairs = new int[2 * count];
    for (int i = 0; i < count; i++) {
      pairs[i] = (int) (chosen[i] / in);
      pairs[count + i] = (int) (chosen[i] % in);
    }
    this.places = buffer("shira_indices", values.getManager().create(pairs, new Shape(2, count)));
    this.add = site.isTransposed() ? TRANSPOSED : PLAIN;
  }

  /**
   * Checks the positions: on a GPU, one beyond the end of the weight would make the device unusable
   * for the process.
   */
  @Override
  public void loaded(boolean all) {
    int[] pairs = places.value().toIntArray();
    int count = pairs.length / 2;
    for (int i = 0; i < count; i++) {
      int row = pairs[i];
      int column = pairs[count + i];
      if (row < 0 || row >= out || column < 0 || column >= in) {
        throw new IllegalArgumentException(
            "shira_indices of "
                + module
                + " hold row "
                + row
                + ", column "
                + column
                + "; expected places of a weight of "
                + out
                + " rows and "
                + in
                + " columns: the adapter's file is damaged, or for another base model");
      }
    }
  }

  @Override
  public NDArray forward(NDArray frozen, Forward<NDArray, NDArray> base) {
    return add.call(base.forward(frozen), values.value(), places.value());
  }

  @Override
  public NDArray merge(NDArray weight) {
    return add.call(weight, values.value(), places.value());
  }
}
