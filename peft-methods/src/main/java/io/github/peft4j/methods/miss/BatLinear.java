package io.github.peft4j.methods.miss;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.Configs;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Initial;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.ParameterSite;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;

/**
 * Bat, MiSS's block affine variant: y = (W + Δ) x + b. W is cut into blocks Wᵢⱼ [r, r], and Δᵢⱼ =
 * Wᵢⱼ Dᵢ + Dᵢ with D [out / r, r, r]. Every adapter's Δ is of the frozen W, whatever else is merged
 * into it.
 */
final class BatLinear extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final String DELTA =
      """
      def delta(w: Tensor, d: Tensor) -> Tensor:                       # w (out, in)
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
                  return torch.add(y, torch.linear(x, delta({w}, d).to(x.dtype)))
              """);
  private static final Kernel MERGE =
      Kernel.of(
          DELTA
              + """
              def merge(merged: Tensor, w: Tensor, d: Tensor) -> Tensor:
                  change = delta({w}, d)
                  return torch.add(merged, {change})
              """);

  private final ParameterSite weight;
  private final Trainable d;
  private final Kernel bat;
  private final Kernel merge;

  BatLinear(LinearSite site, MissConfig config, Initial initial) {
    int r = config.r();
    long in = site.inFeatures();
    long out = site.outFeatures();
    Configs.require(
        in % r == 0 && out % r == 0,
        MissConfig.class,
        "r",
        r,
        "a divisor of " + in + " and " + out + ", the sides of " + site.name());
    this.weight = site.weight();
    this.d = trainable("miss_block", initial.zeros(out / r, r, r));
    String w = site.isTransposed() ? "torch.t(w)" : "w";
    this.bat = BAT.with("r", r).with("w", w);
    this.merge =
        MERGE
            .with("r", r)
            .with("w", w)
            .with("change", site.isTransposed() ? "torch.t(change)" : "change");
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in)
    return bat.call(x, base.forward(x), weight.frozen(), d.value()); // (…, out)
  }

  @Override
  public NDArray merge(NDArray frozen) {
    return merge.call(frozen, weight.frozen(), d.value());
  }
}
