package io.github.peft4j.methods.ia3;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;

/** y = W (l ∘ x) + b, with l of shape [1, in], ones at the start. */
final class ScaledInput extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final Kernel MERGE =
      Kernel.of(
          """
          def merge(w: Tensor, l: Tensor) -> Tensor:              # w (out, in), l (1, in)
              return torch.mul(w, l)
          """);
  private static final Kernel MERGE_TRANSPOSED =
      Kernel.of(
          """
          def merge(w: Tensor, l: Tensor) -> Tensor:              # w (in, out), l (1, in)
              return torch.mul(w, torch.t(l))
          """);

  private final Trainable l;
  private final Kernel merge;

  /**
   * Creates the adapter of one linear layer.
   *
   * @param l initial value of l [1, in]
   * @param transposed whether W is stored as [in, out]
   */
  ScaledInput(NDArray l, boolean transposed) {
    this.l = trainable("ia3_l", l);
    this.merge = transposed ? MERGE_TRANSPOSED : MERGE;
  }

  @Override
  public boolean isRepeatable() {
    return true;
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in)
    return base.forward(ScaledOutput.SCALE.call(x, l.value()));
  }

  @Override
  public NDArray merge(NDArray weight) {
    return merge.call(weight, l.value());
  }
}
