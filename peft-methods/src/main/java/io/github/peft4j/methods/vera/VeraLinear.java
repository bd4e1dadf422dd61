package io.github.peft4j.methods.vera;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Dropout;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.methods.common.linear.WeightDelta;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.SharedBuffer;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.LinearSite;

/** y = W x + c + b ∘ (B (d ∘ (A dropout(x)))), with d [r] and b [out]; b starts at zero. */
final class VeraLinear extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final String PROJECTIONS =
      """
      def down(a: Tensor, d: Tensor) -> Tensor:                        # a (r, in or more), d (r)
          return torch.mul(torch.narrow(a, 1, 0, {in}), torch.unsqueeze(d, 1))
      def up(b: Tensor, scale: Tensor) -> Tensor:                      # b (out or more, r)
          return torch.mul(torch.narrow(b, 0, 0, {out}), torch.unsqueeze(scale, 1))
      """;
  private static final Kernel VERA =
      Kernel.of(
          PROJECTIONS
              + """
              def vera(x: Tensor, y: Tensor, a: Tensor, b: Tensor, d: Tensor, s: Tensor) -> Tensor:
                  low = torch.linear(torch.reshape(x, [-1, {in}]), down(a, d).to(x.dtype))
                  flat = torch.reshape(y, [-1, {out}])
                  sum = torch.addmm(flat, low, torch.t(up(b, s).to(x.dtype)))
                  return torch.reshape(sum, torch.size(y))
              """);
  private static final String DELTA =
      PROJECTIONS
          + """
          def delta(a: Tensor, b: Tensor, d: Tensor, s: Tensor) -> Tensor:     # (out, in)
              return torch.mm(up(b, s), down(a, d))
          """;

  private final String module;
  private final SharedBuffer a;
  private final SharedBuffer b;
  private final Trainable d;
  private final Trainable scale;
  private final double dropout;
  private final Kernel vera;
  private final WeightDelta merge;

  /**
   * Creates the adapter of one linear layer. The layers of an adapter share A and B, and are closed
   * together.
   *
   * @param a A, as wide as the widest input
   * @param b B, as high as the largest output
   * @param d initial value of d [r]
   * @param scale initial value of b [out]
   * @param dropout probability that an element of the input is dropped, in [0, 1)
   */
  VeraLinear(
      LinearSite site, SharedBuffer a, SharedBuffer b, NDArray d, NDArray scale, double dropout) {
    this.module = site.name();
    this.a = a;
    this.b = b;
    this.scale = trainable("vera_lambda_b", scale);
    this.d = trainable("vera_lambda_d", d);
    this.dropout = dropout;
    this.vera = VERA.with("in", site.inFeatures()).with("out", site.outFeatures());
    this.merge =
        WeightDelta.of(DELTA, 1, site.isTransposed())
            .with("in", site.inFeatures())
            .with("out", site.outFeatures());
  }

  @Override
  public boolean isRepeatable() {
    return true;
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in)
    NDArray dropped = isTraining(base.context()) && dropout > 0 ? Dropout.of(dropout).call(x) : x;
    return vera.call( // (…, out)
        dropped, base.forward(x), a.at(module), b.at(module), d.value(), scale.value());
  }

  @Override
  public NDArray merge(NDArray weight) {
    return merge.into(weight, a.at(module), b.at(module), d.value(), scale.value());
  }

  @Override
  public void close() {
    super.close();
    a.close();
    b.close();
  }
}
