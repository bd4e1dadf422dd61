package io.github.peft4j.methods.lora;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.methods.lora.factors.Factors;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.ExpertsSite;

/**
 * W_e x + s B_e A_e x for each expert e: PEFT's {@code target_parameters} on a tensor of three
 * dimensions. A [E r, in] has the experts' A_e [r, in] one below the other. B [out, r E] has B_e
 * [out, r] in the columns e, E + e, 2 E + e, ….
 */
final class LoraExperts extends TunerLayer<ExpertsSite.Input, NDArray> implements Mergeable {

  private static final Kernel AS =
      Kernel.of(
          """
          def as(a: Tensor) -> Tensor:                                 # (E r, in) → (E, r, in)
              return torch.reshape(a, [{experts}, -1, torch.size(a, 1)])
          """);
  private static final Kernel BS =
      Kernel.of(
          """
          def bs(b: Tensor) -> Tensor:                                 # (out, r E) → (E, out, r)
              columns = torch.reshape(b, [torch.size(b, 0), -1, {experts}])
              return torch.permute(columns, [2, 0, 1])
          """);
  private static final Kernel ADD =
      Kernel.of(
          """
          def add(y: Tensor, z: Tensor) -> Tensor:
              return torch.add(y, z, alpha={scale})
          """);
  private static final Kernel MERGE =
      Kernel.of(
          """
          def merge(w: Tensor, a: Tensor, b: Tensor) -> Tensor:        # w (E, out, in)
              return torch.baddbmm(w, b.to(w.dtype), a.to(w.dtype), alpha={scale})
          """);

  private final Trainable a;
  private final Trainable b;
  private final Kernel as;
  private final Kernel bs;
  private final Kernel add;
  private final Kernel merge;

  /**
   * Creates the adapter of one map of all experts.
   *
   * @param prefix of the tensors' keys, see {@link LoraLayers#experts}
   * @param a initial value of A [E r, in]
   * @param b initial value of B [out, r E]
   * @param experts E
   * @param scale s
   */
  LoraExperts(String prefix, NDArray a, NDArray b, long experts, double scale) {
    this.a = trainable(prefix + Factors.A, a);
    this.b = trainable(prefix + Factors.B, b);
    this.as = AS.with("experts", experts);
    this.bs = BS.with("experts", experts);
    this.add = ADD.with("scale", scale);
    this.merge = MERGE.with("scale", scale);
  }

  @Override
  public NDArray forward(ExpertsSite.Input in, Forward<ExpertsSite.Input, NDArray> base) {
    NDArray low = in.map(as.call(a.value())); // (M, r)
    return add.call(base.forward(in), in.with(low).map(bs.call(b.value())));
  }

  @Override
  public NDArray merge(NDArray weight) {
    return merge.call(weight, as.call(a.value()), bs.call(b.value()));
  }
}
