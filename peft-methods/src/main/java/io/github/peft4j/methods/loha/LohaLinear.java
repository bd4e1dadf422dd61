package io.github.peft4j.methods.loha;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.methods.common.linear.RowDropout;
import io.github.peft4j.methods.common.linear.WeightDelta;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;

/**
 * y = W x + b + s ((P₁ Q₁) ∘ (P₂ Q₂)) x, with P [out, r] and Q [r, in].
 *
 * <p>The product of all pairs of columns of P₁ and P₂ with all pairs of rows of Q₁ and Q₂ is the
 * same matrix as one of rank r²: [out, r²] [r², in]. So the matrix itself is built for merging
 * only.
 */
final class LohaLinear extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final Kernel LOHA =
      Kernel.of(
          """
          def loha(x: Tensor, y: Tensor, p1: Tensor, q1: Tensor, p2: Tensor, q2: Tensor) -> Tensor:
              down = torch.mul(torch.unsqueeze(q1, 1), torch.unsqueeze(q2, 0))   # (r, r, in)
              down = torch.reshape(down, [-1, torch.size(x, -1)]).to(x.dtype)
              up = torch.mul(torch.unsqueeze(p1, 2), torch.unsqueeze(p2, 1))     # (out, r, r)
              up = torch.reshape(up, [torch.size(y, -1), -1]).to(x.dtype)
              low = torch.linear(torch.reshape(x, [-1, torch.size(x, -1)]), down)
              flat = torch.reshape(y, [-1, torch.size(y, -1)])
              sum = torch.addmm(flat, low, torch.t(up), alpha={scale})
              return torch.reshape(sum, torch.size(y))
          """);
  private static final String DELTA =
      """
      def delta(p1: Tensor, q1: Tensor, p2: Tensor, q2: Tensor) -> Tensor:     # (out, in)
          return torch.mul(torch.mm(p1, q1), torch.mm(p2, q2))
      """;

  private final Trainable p1;
  private final Trainable q1;
  private final Trainable p2;
  private final Trainable q2;
  private final RowDropout dropout;
  private final Kernel loha;
  private final WeightDelta merge;

  /**
   * A layer.
   *
   * @param p1 first value of P₁ [out, r]
   * @param q1 first value of Q₁ [r, in]
   * @param p2 first value of P₂ [out, r]
   * @param q2 first value of Q₂ [r, in]
   * @param scale s
   * @param transposed whether W is stored as [in, out]
   */
  LohaLinear(
      NDArray p1,
      NDArray q1,
      NDArray p2,
      NDArray q2,
      double scale,
      RowDropout dropout,
      boolean transposed) {
    this.p1 = trainable("hada_w1_a", p1);
    this.q1 = trainable("hada_w1_b", q1);
    this.p2 = trainable("hada_w2_a", p2);
    this.q2 = trainable("hada_w2_b", q2);
    this.dropout = dropout;
    this.loha = LOHA.with("scale", scale);
    this.merge = WeightDelta.of(DELTA, scale, transposed);
  }

  @Override
  public boolean isRepeatable() {
    return true;
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in)
    NDArray p =
        isTraining(base.context()) && dropout.drops() ? dropout.drop(p1.value()) : p1.value();
    return loha.call(x, base.forward(x), p, q1.value(), p2.value(), q2.value());
  }

  @Override
  public NDArray merge(NDArray weight) {
    return merge.into(weight, p1.value(), q1.value(), p2.value(), q2.value());
  }
}
