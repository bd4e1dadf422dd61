package io.github.peft4j.methods.hira;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Dropout;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.methods.common.linear.WeightDelta;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;

/**
 * y = W x + b + (W ∘ (B A)) dropout(x), with A [r, in] and B [out, r]. The change always uses the
 * frozen W, also if other adapters are merged into it.
 */
final class HiraLinear extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final String DELTA =
      """
      def delta(stored: Tensor, a: Tensor, b: Tensor) -> Tensor:       # (out, in)
          return torch.mul({w}.to(a.dtype), torch.mm(b, a))
      """;
  private static final Kernel HIRA =
      Kernel.of(
          DELTA
              + """
              def hira(x: Tensor, y: Tensor, w: Tensor, a: Tensor, b: Tensor) -> Tensor:
                  return torch.add(y, torch.linear(x, delta(w, a, b).to(x.dtype)))
              """);

  private final ParameterSite weight;
  private final Trainable a;
  private final Trainable b;
  private final double dropout;
  private final Kernel hira;
  private final WeightDelta merge;

  /**
   * Creates the adapter of one linear layer.
   *
   * @param a initial value of A [r, in]
   * @param b initial value of B [out, r]
   * @param dropout probability that an element of the input is dropped, in [0, 1)
   */
  HiraLinear(LinearSite site, NDArray a, NDArray b, double dropout) {
    this.weight = site.weight();
    this.a = trainable("hira_A", a);
    this.b = trainable("hira_B", b);
    this.dropout = dropout;
    String w = site.isTransposed() ? "torch.t(stored)" : "stored";
    this.hira = HIRA.with("w", w);
    this.merge = WeightDelta.of(DELTA, 1, site.isTransposed()).with("w", w);
  }

  @Override
  public boolean isRepeatable() {
    return true;
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in)
    NDArray dropped = isTraining(base.context()) && dropout > 0 ? Dropout.of(dropout).call(x) : x;
    return hira.call(dropped, base.forward(x), weight.frozen(), a.value(), b.value()); // (…, out)
  }

  @Override
  public NDArray merge(NDArray current) {
    return merge.into(current, weight.frozen(), a.value(), b.value());
  }
}
