package io.github.peft4j.methods.adalora;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Dropout;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.common.linear.WeightDelta;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/** y = W x + b + s B (E ∘ A) dropout(x), with A [r, in], E [r, 1] and B [out, r]. */
final class AdaLoraLinear extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final String SUM =
      """
      def summed(x: Tensor, y: Tensor, a: Tensor, e: Tensor, b: Tensor) -> Tuple[Tensor, Tensor]:
          low = torch.linear(torch.reshape(x, [-1, torch.size(x, -1)]), torch.mul(a, e).to(x.dtype))
          flat = torch.reshape(y, [-1, torch.size(y, -1)])
          sum = torch.addmm(flat, low, torch.t(b.to(x.dtype)), alpha={scale})
          return (torch.reshape(sum, torch.size(y)), low)

      """;
  private static final Kernel LORA =
      Kernel.of(
              SUM
                  + """
                  def lora(x: Tensor, y: Tensor, a: Tensor, e: Tensor, b: Tensor) -> Tensor:
                      sum, low, = summed(x, y, a, e, b)
                      return sum
                  """)
          .derivative(
              "x, y",
              SUM
                  + """
                  def lora(x: Tensor, y: Tensor, a: Tensor, e: Tensor, b: Tensor) -> List[Tensor]:
                      sum, low, = summed(x, y, a, e, b)
                      return [sum, low]
                  """,
              """
              def back(g: Tensor, x: Tensor, a: Tensor, e: Tensor, b: Tensor, kept0: Tensor, into_a: Tensor, into_e: Tensor, into_b: Tensor) -> List[Tensor]:
                  flat = torch.reshape(g, [-1, torch.size(g, -1)])             # (N, out)
                  low = torch.mm(flat, b.to(g.dtype))                          # (N, r)
                  into_b = torch.add_(into_b, torch.mm(torch.t(flat), kept0), alpha={scale})
                  both = torch.mm(torch.t(low), torch.reshape(x, [-1, torch.size(x, -1)])).to(a.dtype)
                  into_a = torch.addcmul_(into_a, both, e, value={scale})
                  into_e = torch.add_(into_e, torch.sum(torch.mul(both, a), [1], True), alpha={scale})
                  onward = torch.mul_(torch.mm(low, torch.mul(a, e).to(g.dtype)), {scale})
                  return [torch.reshape(onward, torch.size(x)), g]
              """);
  private static final String DELTA =
      """
      def delta(a: Tensor, e: Tensor, b: Tensor) -> Tensor:            # (out, in)
          return torch.mm(b, torch.mul(a, e))
      """;
  private static final Kernel PENALTY =
      Kernel.of(
          """
          def skew(gram: Tensor) -> Tensor:                            # ‖P Pᵀ - 1‖
              one = torch.eye(torch.size(gram, 0), dtype=gram.dtype, layout=None, device=gram.device)
              return torch.norm(torch.sub(gram, one))
          def penalty(a: Tensor, b: Tensor) -> Tensor:
              sum = torch.add(skew(torch.mm(a, torch.t(a))), skew(torch.mm(torch.t(b), b)))
              return torch.mul(sum, {weight})
          """);
  private static final Kernel SELECT =
      Kernel.of(
          """
          def select(x: Tensor, kept: Tensor) -> Tensor:
              return torch.index_select(x, {dimension}, kept)
          """);
  private static final Kernel SELECT_ROWS = SELECT.with("dimension", 0);
  private static final Kernel SELECT_COLUMNS = SELECT.with("dimension", 1);

  private final Trainable a;
  private final Trainable e;
  private final Trainable b;
  private final double dropout;
  private final Kernel lora;
  private final WeightDelta merge;
  private final Kernel penalty;
  private boolean @Nullable [] kept;
  private int plannedSteps;

  /**
   * Creates the adapter of one linear layer.
   *
   * @param a initial value of A [r, in]
   * @param e initial value of E [r, 1]
   * @param b initial value of B [out, r]
   * @param scale s
   * @param dropout probability that an element of the input is dropped, in [0, 1)
   * @param penalty weight of the penalty on A and B
   * @param transposed whether W is stored as [in, out]
   */
  AdaLoraLinear(
      NDArray a,
      NDArray e,
      NDArray b,
      double scale,
      double dropout,
      double penalty,
      boolean transposed) {
    this.a = trainable("lora_A", a);
    this.e = trainable("lora_E", e);
    this.b = trainable("lora_B", b);
    this.dropout = dropout;
    this.lora = LORA.with("scale", scale);
    this.merge = WeightDelta.of(DELTA, scale, transposed);
    this.penalty = PENALTY.with("weight", penalty);
  }

  @Override
  public boolean isMadeOfKernels() {
    return true;
  }

  @Override
  public boolean isRepeatable() {
    return true;
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in)
    NDArray dropped = isTraining(base.context()) && dropout > 0 ? Dropout.of(dropout).call(x) : x;
    return lora.call(dropped, base.forward(x), a.value(), e.value(), b.value());
  }

  @Override
  public NDArray merge(NDArray weight) {
    return merge.into(weight, a.value(), e.value(), b.value());
  }

  /**
   * The penalty keeps the rows of A and the columns of B nearly orthonormal, so that E measures the
   * importance.
   */
  @Override
  public NDArray penalty() {
    return penalty.call(a.value(), b.value());
  }

  Trainable a() {
    return a;
  }

  Trainable e() {
    return e;
  }

  Trainable b() {
    return b;
  }

  /** The kept ranks, or null before the first reduction. */
  boolean @Nullable [] kept() {
    return kept;
  }

  void plannedSteps(int steps) {
    plannedSteps = steps;
  }

  /** The planned number of training steps, or 0 without a training. */
  int plannedSteps() {
    return plannedSteps;
  }

  /** Restores the state of an interrupted training. */
  void resume(boolean @Nullable [] ranks, int steps) {
    kept = ranks;
    plannedSteps = steps;
  }

  /** Sets E to zero for ranks that are not kept. */
  void keep(boolean[] ranks) {
    kept = ranks;
    float[] values = Tensors.floats(e.value());
    for (int i = 0; i < values.length; i++) {
      values[i] = ranks[i] ? values[i] : 0;
    }
    try (NDArray masked = e.value().getManager().create(values, e.value().getShape())) {
      Tensors.copy(e.value(), masked);
    }
  }

  @Override
  public NDArray stored(Trainable tensor) {
    boolean[] ranks = kept;
    if (ranks == null) {
      return tensor.value();
    }
    long[] indices = LongStream.range(0, ranks.length).filter(i -> ranks[(int) i]).toArray();
    NDArray index = tensor.value().getManager().create(indices);
    return (tensor == b ? SELECT_COLUMNS : SELECT_ROWS).call(tensor.value(), index);
  }
}
