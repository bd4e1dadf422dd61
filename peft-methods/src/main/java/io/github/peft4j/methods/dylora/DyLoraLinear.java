package io.github.peft4j.methods.dylora;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Dropout;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.common.linear.WeightDelta;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.LowRank;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;

/**
 * y = W x + c + α/b B↓b A↓b dropout(x), with the first b rows of A [r, in] and the first b columns
 * of B [out, r]. In a training step, the first k of these get no gradient.
 */
final class DyLoraLinear extends TunerLayer<NDArray, NDArray> implements LowRank {

  private static final Kernel DYLORA =
      Kernel.of(
          """
          def first(m: Tensor, dim: int, b: int, k: int) -> Tensor:
              resting = torch.detach(torch.narrow(m, dim, 0, k))
              return torch.cat([resting, torch.narrow(m, dim, k, b - k)], dim)

          def dylora(x: Tensor, y: Tensor, a: Tensor, b: Tensor, rank: Tensor, rest: Tensor) -> Tensor:
              n = int(rank)
              k = int(rest)
              low = torch.linear(torch.reshape(x, [-1, torch.size(x, -1)]), first(a, 0, n, k).to(x.dtype))   # (N, b)
              flat = torch.reshape(y, [-1, torch.size(y, -1)])
              up = torch.t(first(b, 1, n, k).to(x.dtype))
              return torch.reshape(torch.addmm(flat, low, up, alpha={alpha} / n), torch.size(y))
          """);
  private static final String DELTA =
      """
      def delta(a: Tensor, b: Tensor) -> Tensor:                       # (out, in)
          return torch.mul(torch.mm(b, a), {alpha} / torch.size(a, 0))
      """;
  private static final Kernel FIRST =
      Kernel.of(
          """
          def first(m: Tensor, rank: Tensor) -> Tensor:
              return torch.narrow(m, {dim}, 0, int(rank))
          """);
  private static final Kernel ROWS = FIRST.with("dim", 0);
  private static final Kernel COLUMNS = FIRST.with("dim", 1);

  private final Trainable a;
  private final Trainable b;
  private final DrawnRank rank;
  private final double alpha;
  private final double dropout;
  private final Kernel dylora;
  private final WeightDelta merge;

  /**
   * Creates the adapter of one linear layer.
   *
   * @param a initial value of A [r, in]
   * @param b initial value of B [out, r]
   * @param dropout probability that an element of the input is dropped, in [0, 1)
   * @param transposed whether W is stored as [in, out]
   */
  DyLoraLinear(
      NDArray a, NDArray b, DrawnRank rank, double alpha, double dropout, boolean transposed) {
    this.a = trainable("lora_A.weight", a);
    this.b = trainable("lora_B.weight", b);
    this.rank = rank;
    this.alpha = alpha;
    this.dropout = dropout;
    this.dylora = DYLORA.with("alpha", alpha);
    this.merge = WeightDelta.of(DELTA, 1, transposed).with("alpha", alpha);
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in) → (…, out)
    boolean training = isTraining(base.context());
    NDArray dropped = training && dropout > 0 ? Dropout.of(dropout).call(x) : x;
    return dylora.call(
        dropped,
        base.forward(x),
        a.value(),
        b.value(),
        Tensors.scalar(training ? rank.training() : rank.inference()),
        Tensors.scalar(training ? rank.resting() : 0));
  }

  @Override
  public void onTraining(boolean training) {
    rank.draw();
  }

  @Override
  public NDArray merge(NDArray weight) {
    return merge.into(weight, a(), b());
  }

  /** The rank at which the layer computes. */
  DrawnRank rank() {
    return rank;
  }

  /** The first rows of A, as many as the rank outside of training steps. */
  @Override
  public NDArray a() {
    return ROWS.call(a.value(), Tensors.scalar(rank.inference()));
  }

  /** The first columns of B. */
  @Override
  public NDArray b() {
    return COLUMNS.call(b.value(), Tensors.scalar(rank.inference()));
  }

  /** α/b. */
  @Override
  public double scale() {
    return alpha / rank.inference();
  }
}
