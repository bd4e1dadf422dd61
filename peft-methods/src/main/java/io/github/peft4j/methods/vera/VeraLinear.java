package io.github.peft4j.methods.vera;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Dropout;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Initial;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;

/** y = W x + c + b ∘ (B (d ∘ (A dropout(x)))), with d [r] and b [out]; b starts as zero. */
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
  private static final Kernel MERGE =
      Kernel.of(
          PROJECTIONS
              + """
              def merge(w: Tensor, a: Tensor, b: Tensor, d: Tensor, s: Tensor) -> Tensor:
                  delta = torch.mm(up(b, s), down(a, d))               # (out, in)
                  return torch.add(w, {delta})
              """);

  private final NDArray a;
  private final NDArray b;
  private final Trainable d;
  private final Trainable scale;
  private final double dropout;
  private final Kernel vera;
  private final Kernel merge;

  VeraLinear(LinearSite site, VeraConfig config, NDArray a, NDArray b, Initial initial) {
    this.a = Scope.release(a);
    this.b = Scope.release(b);
    long out = site.outFeatures();
    int r = config.r();
    this.scale =
        trainable(
            "vera_lambda_b", config.initWeights() ? initial.zeros(out) : initial.filled(1, out));
    this.d =
        trainable(
            "vera_lambda_d",
            config.initWeights() ? initial.filled(config.dInitial(), r) : initial.normal(1, r));
    this.dropout = config.veraDropout();
    this.vera = VERA.with("in", site.inFeatures()).with("out", out);
    this.merge =
        MERGE
            .with("in", site.inFeatures())
            .with("out", out)
            .with("delta", site.isTransposed() ? "torch.t(delta)" : "delta");
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in)
    NDArray dropped = isTraining(base.context()) && dropout > 0 ? Dropout.of(dropout).call(x) : x;
    return vera.call(dropped, base.forward(x), a, b, d.value(), scale.value()); // (…, out)
  }

  @Override
  public NDArray merge(NDArray weight) {
    return merge.call(weight, a, b, d.value(), scale.value());
  }
}
