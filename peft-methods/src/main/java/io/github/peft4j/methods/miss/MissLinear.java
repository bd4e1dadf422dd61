package io.github.peft4j.methods.miss;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Dropout;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.methods.common.linear.WeightDelta;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.LinearSite;

/**
 * y = W x + b + Dᵀ Σⱼ xⱼ, with D [r, out] and the shards xⱼ of x, of which the last is padded with
 * zeros.
 */
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
  private static final String DELTA =
      """
      def delta(d: Tensor) -> Tensor:                                        # (out, in)
          wide = torch.repeat(torch.t(d), [{repeats}, {shards}])             # (out, in or more)
          return torch.narrow(wide, 1, 0, {in})
      """;

  private final Trainable d;
  private final double dropout;
  private final Kernel miss;
  private final WeightDelta merge;

  /**
   * Creates the adapter of one linear layer.
   *
   * @param d initial value of D [r, out], or of a matrix [r, w] that is repeated, where w divides
   *     out
   * @param dropout probability that an element of the input is dropped, in [0, 1)
   */
  MissLinear(LinearSite site, NDArray d, double dropout) {
    this.d = trainable("miss_block", d);
    this.dropout = dropout;
    long r = d.getShape().get(0);
    long in = site.inFeatures();
    long shards = (in + r - 1) / r;
    long repeats = site.outFeatures() / d.getShape().get(1);
    this.miss =
        MISS.with("padding", shards * r - in)
            .with("shards", shards)
            .with("r", r)
            .with("repeats", repeats);
    this.merge =
        WeightDelta.of(DELTA, 1, site.isTransposed())
            .with("shards", shards)
            .with("repeats", repeats)
            .with("in", in);
  }

  @Override
  public boolean isRepeatable() {
    return true;
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in)
    NDArray dropped = isTraining(base.context()) && dropout > 0 ? Dropout.of(dropout).call(x) : x;
    return miss.call(dropped, base.forward(x), d.value()); // (…, out)
  }

  @Override
  public NDArray merge(NDArray weight) {
    return merge.into(weight, d.value());
  }
}
