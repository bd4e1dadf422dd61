package io.github.peft4j.methods.miss;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Dropout;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Initial;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;

/** y = W x + b + Dᵀ Σⱼ xⱼ, with D [r, out] and the shards xⱼ of x, the last filled with zeros. */
final class MissLinear extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final Kernel MISS =
      Kernel.of(
          """
          def miss(x: Tensor, y: Tensor, d: Tensor) -> Tensor:
              padded = torch.constant_pad_nd(x, [0, {padding}], 0)
              sum = torch.sum(torch.reshape(padded, [-1, {shards}, {r}]), [1])   # (N, r)
              flat = torch.reshape(y, [-1, torch.size(y, -1)])
              return torch.reshape(torch.addmm(flat, sum, torch.repeat(d, [1, {repeats}]).to(x.dtype)), torch.size(y))
          """);
  private static final Kernel MERGE =
      Kernel.of(
          """
          def merge(w: Tensor, d: Tensor) -> Tensor:
              delta = torch.repeat(torch.t(d), [{repeats}, {shards}])            # (out, in or more)
              delta = torch.narrow(delta, 1, 0, {in})
              return torch.add(w, {delta})
          """);

  private final Trainable d;
  private final double dropout;
  private final Kernel miss;
  private final Kernel merge;

  MissLinear(LinearSite site, MissConfig config, Initial initial) {
    int r = config.r();
    long in = site.inFeatures();
    long out = site.outFeatures();
    boolean mini = config.initWeights() == MissInitialization.MINI;
    long width = mini ? config.miniR() : out;
    if (out % width != 0) {
      throw new IllegalArgumentException(
          "MissConfig: field 'mini_r' is "
              + width
              + "; expected a divisor of "
              + out
              + ", the"
              + " number of outputs of "
              + site.name());
    }
    this.d =
        trainable(
            "miss_block",
            config.initWeights() == MissInitialization.RANDOM
                ? initial.kaimingUniform(r, width)
                : initial.zeros(r, width));
    this.dropout = config.missDropout();
    long shards = (in + r - 1) / r;
    this.miss =
        MISS.with("padding", shards * r - in)
            .with("shards", shards)
            .with("r", r)
            .with("repeats", out / width);
    this.merge =
        MERGE
            .with("shards", shards)
            .with("repeats", out / width)
            .with("in", in)
            .with("delta", site.isTransposed() ? "torch.t(delta)" : "delta");
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in)
    NDArray dropped = isTraining(base.context()) && dropout > 0 ? Dropout.of(dropout).call(x) : x;
    return miss.call(dropped, base.forward(x), d.value()); // (…, out)
  }

  @Override
  public NDArray merge(NDArray weight) {
    return merge.call(weight, d.value());
  }
}
