package io.github.peft4j.methods.sora;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Dropout;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.methods.common.linear.WeightDelta;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.LowRank;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;

/** y = W x + c + s B (g ∘ A dropout(x)), with A [r, in], gates g [1, r] and B [out, r]. */
final class SoraLinear extends TunerLayer<NDArray, NDArray> implements LowRank {

  /** The gates' key, in files too. */
  static final String GATE = "gate";

  private static final Kernel SORA =
      Kernel.of(
          """
          def sora(x: Tensor, y: Tensor, a: Tensor, g: Tensor, b: Tensor) -> Tensor:
              low = torch.linear(torch.reshape(x, [-1, torch.size(x, -1)]), a.to(x.dtype))   # (N, r)
              flat = torch.reshape(y, [-1, torch.size(y, -1)])
              gated = torch.mul(low, g.to(x.dtype))
              return torch.reshape(torch.addmm(flat, gated, torch.t(b.to(x.dtype)), alpha={scale}), torch.size(y))
          """);
  private static final String DELTA =
      """
      def delta(a: Tensor, g: Tensor, b: Tensor) -> Tensor:            # (out, in)
          return torch.mm(torch.mul(b, g), a)
      """;
  private static final Kernel GATED =
      Kernel.of(
          """
          def gated(b: Tensor, g: Tensor) -> Tensor:                   # (out, r)
              return torch.mul(b, g)
          """);
  private static final Kernel PENALTY =
      Kernel.of(
          """
          def penalty(g: Tensor) -> Tensor:
              return torch.mul(torch.sum(torch.abs(g)), {weight})
          """);

  private final Trainable a;
  private final Trainable gate;
  private final Trainable b;
  private final double scale;
  private final double dropout;
  private final Kernel sora;
  private final WeightDelta merge;
  private final Kernel penalty;

  /**
   * Creates the adapter of one linear layer.
   *
   * @param a initial value of A [r, in]
   * @param gate initial value of g [1, r]
   * @param b initial value of B [out, r]
   * @param scale s
   * @param dropout probability that an element of the input is dropped, in [0, 1)
   * @param penalty weight of Σ |g| in the loss
   * @param transposed whether W is stored as [in, out]
   */
  SoraLinear(
      NDArray a,
      NDArray gate,
      NDArray b,
      double scale,
      double dropout,
      double penalty,
      boolean transposed) {
    this.a = trainable("lora_A.weight", a);
    this.gate = trainable(GATE, gate);
    this.b = trainable("lora_B.weight", b);
    this.scale = scale;
    this.dropout = dropout;
    this.sora = SORA.with("scale", scale);
    this.merge = WeightDelta.of(DELTA, scale, transposed);
    this.penalty = PENALTY.with("weight", penalty);
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in) → (…, out)
    NDArray dropped = isTraining(base.context()) && dropout > 0 ? Dropout.of(dropout).call(x) : x;
    return sora.call(dropped, base.forward(x), a.value(), gate.value(), b.value());
  }

  @Override
  public NDArray merge(NDArray weight) {
    return merge.into(weight, a.value(), gate.value(), b.value());
  }

  /** λ times the mean of |g| over the gates of all modules. */
  @Override
  public NDArray penalty() {
    return penalty.call(gate.value());
  }

  Trainable gate() {
    return gate;
  }

  @Override
  public NDArray a() {
    return a.value();
  }

  /** B with its columns scaled by the gates. */
  @Override
  public NDArray b() {
    return GATED.call(b.value(), gate.value());
  }

  @Override
  public double scale() {
    return scale;
  }
}
