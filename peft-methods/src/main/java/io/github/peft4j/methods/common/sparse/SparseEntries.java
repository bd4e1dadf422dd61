package io.github.peft4j.methods.common.sparse;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.ParameterSite;

/**
 * W + S of one tensor W of the model, where S is zero but for k trained entries. Entries are
 * counted through the tensor as the checkpoint stores it, row-major, from 0.
 *
 * <p>The gradient of W + S is a whole tensor, but only until the backward pass has left the layer
 * that uses it. What is kept has k elements: values, gradient, moments.
 */
public class SparseEntries extends TensorDelta {

  /** The end of the name of the tensor of places in a file. */
  static final String INDICES = ".indices";

  /** The end of the name of the tensor of values. */
  static final String VALUES = ".values";

  private static final Kernel ADD =
      Kernel.of(
          """
          def add(w: Tensor, values: Tensor, indices: Tensor) -> Tensor:      # values, indices (k)
              flat = torch.reshape(w, [-1])
              sum = torch.index_add(flat, 0, torch.to(indices, 4), values.to(w.dtype))
              return torch.reshape(sum, torch.size(w))
          """);

  private final ParameterSite site;
  private final Trainable values;
  private final Trainable indices;
  private boolean chosen;

  /**
   * Creates a layer whose values are zero.
   *
   * @param count k
   * @param chosen whether the entries are about to be read from a file; if not, {@link #choose}
   *     says which they are
   */
  protected SparseEntries(ParameterSite site, int count, Initializer initial, boolean chosen) {
    requireCountable(site);
    this.site = site;
    this.chosen = chosen;
    String own = site.name().substring(site.module().length() + 1);
    NDArray zeros = initial.zeros(count);
    this.values = trainable(own + VALUES, zeros);
    this.indices =
        buffer(own + INDICES, zeros.getManager().create(new int[count], new Shape(count)));
  }

  /** Refuses a tensor whose entries 32-bit numbers cannot count. */
  static void requireCountable(ParameterSite site) {
    if (site.shape().size() > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "%s has %,d elements; entries are 32-bit numbers, so that a tensor may have %,d at most: leave it out with exclude_modules"
              .formatted(site.name(), site.shape().size(), Integer.MAX_VALUE));
    }
  }

  /** The tensor whose entries are trained. */
  public final ParameterSite site() {
    return site;
  }

  /** The trained values [k]. */
  public final Trainable values() {
    return values;
  }

  /** The entries [k], as 32-bit integers. */
  public final int[] indices() {
    return indices.value().toIntArray();
  }

  /** The tensor of the entries [k], of 32-bit integers. */
  protected final NDArray places() {
    return indices.value();
  }

  /** Says which entries are trained (k). */
  public final void choose(int[] places) {
    requireWithin(places);
    NDArray own = indices.value();
    try (NDArray now = own.getManager().create(places, new Shape(places.length))) {
      Tensors.copy(own, now);
    }
    chosen = true;
  }

  /**
   * Checks the places: on a GPU, one beyond the end of the tensor would make the device unusable
   * for the process.
   */
  @Override
  public final void loaded(boolean all) {
    requireWithin(indices());
    chosen = true;
  }

  private void requireWithin(int[] places) {
    long size = site.shape().size();
    for (int place : places) {
      if (place < 0 || place >= size) {
        throw new IllegalArgumentException(
            "the entries of %s hold %d; expected 0 to %d: the adapter's file is damaged, or for another base model"
                .formatted(site.name(), place, size - 1));
      }
    }
  }

  @Override
  protected final NDArray changed(NDArray weight) {
    if (!chosen) {
      throw new IllegalStateException(
          "which entries of %s are trained is not chosen: the config's field 'entries' tells their number alone. Leave it empty, and make the adapter as the method's page says"
              .formatted(site.name()));
    }
    return ADD.call(weight, values.value(), indices.value());
  }
}
