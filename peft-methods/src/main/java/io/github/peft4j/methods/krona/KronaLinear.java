package io.github.peft4j.methods.krona;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.methods.common.linear.WeightDelta;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.LinearSite;

/** y = W x + c + s (A ⊗ B) x. The Kronecker product is never built, except for merging. */
final class KronaLinear extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final String DELTA =
      """
      def delta(a: Tensor, b: Tensor) -> Tensor:                           # (out, in)
          return torch.kron(a, b)
      """;

  private final Trainable a;
  private final Trainable b;
  private final Kernel add;
  private final WeightDelta merge;

  /**
   * Creates the adapter of one linear layer.
   *
   * @param scale s
   */
  KronaLinear(LinearSite site, Kronecker factors, double scale) {
    this.a = trainable("krona_A", factors.a());
    this.b = trainable("krona_B", factors.b());
    this.add = Kernel.of(Kronecker.ADD).with("scale", scale);
    this.merge = WeightDelta.of(DELTA, scale, site.isTransposed());
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in)
    return add.call(x, base.forward(x), a.value(), b.value()); // (…, out)
  }

  @Override
  public NDArray merge(NDArray weight) {
    return merge.into(weight, a.value(), b.value());
  }
}
