package io.github.peft4j.methods.miss;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.methods.common.linear.WeightDelta;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;

/**
 * Bat, MiSS's block affine variant: y = (W + Δ) x + b. W is divided into blocks Wᵢⱼ [r, r], and Δᵢⱼ
 * = Wᵢⱼ Dᵢ + Dᵢ with D [out / r, r, r]. Δ always uses the frozen W, also if other adapters are
 * merged into it.
 */
final class BatLinear extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final String DELTA =
      """
      def delta(stored: Tensor, d: Tensor) -> Tensor:
          w = {w}                                                      # (out, in)
          blocks = torch.reshape(w, [torch.size(d, 0), {r}, -1, {r}])
          blocks = torch.permute(blocks, [2, 0, 1, 3]).to(d.dtype)     # (in / r, out / r, r, r)
          change = torch.add(torch.matmul(blocks, d), d)
          return torch.reshape(torch.permute(change, [1, 2, 0, 3]), torch.size(w))
      """;
  private static final Kernel BAT =
      Kernel.of(
          DELTA
              + """
              def bat(x: Tensor, y: Tensor, w: Tensor, d: Tensor) -> Tensor:
                  return torch.add(y, torch.linear(x, delta(w, d).to(x.dtype)))
              """);
  private final ParameterSite weight;
  private final Trainable d;
  private final Kernel bat;
  private final WeightDelta merge;

  /**
   * Creates the adapter of one linear layer.
   *
   * @param d initial value of D [out / r, r, r]
   */
  BatLinear(LinearSite site, NDArray d) {
    this.weight = site.weight();
    this.d = trainable("miss_block", d);
    long r = d.getShape().get(1);
    String w = site.isTransposed() ? "torch.t(stored)" : "stored";
    this.bat = BAT.with("r", r).with("w", w);
    this.merge = WeightDelta.of(DELTA, 1, site.isTransposed()).with("r", r).with("w", w);
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in)
    return bat.call(x, base.forward(x), weight.frozen(), d.value()); // (…, out)
  }

  @Override
  public NDArray merge(NDArray frozen) {
    return merge.into(frozen, weight.frozen(), d.value());
  }
}
