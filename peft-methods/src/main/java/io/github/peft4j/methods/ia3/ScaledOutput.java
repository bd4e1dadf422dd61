package io.github.peft4j.methods.ia3;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;

/** y = l ∘ (W x + b), with l of shape [out, 1], ones at the start. */
final class ScaledOutput extends TunerLayer<NDArray, NDArray> implements Mergeable {

  static final Kernel SCALE =
      Kernel.of(
          """
          def scale(x: Tensor, l: Tensor) -> Tensor:              # x (…, D), l of D elements
              return torch.mul(x, torch.reshape(l, [-1]).to(x.dtype))
          """);
  private static final Kernel MERGE =
      Kernel.of(
          """
          def merge(w: Tensor, l: Tensor) -> Tensor:              # w (out, in), l (out, 1)
              return torch.mul(w, l)
          """);

  private final Trainable l;
  private final Kernel merge;

  /**
   * Creates the adapter of one linear layer.
   *
   * @param l initial value of l [out, 1]
   * @param transposed whether W is stored as [in, out]
   */
  ScaledOutput(NDArray l, boolean transposed) {
    this.l = trainable("ia3_l", l);
    this.merge = transposed ? SCALE : MERGE;
  }

  @Override
  public boolean isRepeatable() {
    return true;
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in)
    return SCALE.call(base.forward(x), l.value()); // (…, out)
  }

  @Override
  public NDArray merge(NDArray weight) {
    return merge.call(weight, l.value());
  }

  @Override
  public NDArray mergeBias(NDArray bias) {
    return SCALE.call(bias, l.value());
  }
}
