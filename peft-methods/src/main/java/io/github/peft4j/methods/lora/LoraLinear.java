package io.github.peft4j.methods.lora;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Dropout;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Initial;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.LowRank;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;

/** y = W x + b + s B A dropout(x), with A [r, in] and B [out, r]. */
final class LoraLinear extends TunerLayer<NDArray, NDArray> implements LowRank {

  private static final Kernel LORA =
      Kernel.of(
          """
          def lora(x: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:  # x (…, in), y (…, out)
              low = torch.linear(torch.reshape(x, [-1, torch.size(x, -1)]), a.to(x.dtype))
              flat = torch.reshape(y, [-1, torch.size(y, -1)])
              sum = torch.addmm(flat, low, torch.t(b.to(x.dtype)), alpha={scale})
              return torch.reshape(sum, torch.size(y))
          """);
  private static final Kernel MERGE =
      Kernel.of(
          """
          def merge(w: Tensor, a: Tensor, b: Tensor) -> Tensor:            # w (out, in)
              return torch.addmm(w, b.to(w.dtype), a.to(w.dtype), alpha={scale})
          """);
  private static final Kernel MERGE_TRANSPOSED =
      Kernel.of(
          """
          def merge(w: Tensor, a: Tensor, b: Tensor) -> Tensor:            # w (in, out)
              return torch.addmm(w, torch.t(a.to(w.dtype)), torch.t(b.to(w.dtype)), alpha={scale})
          """);

  private final Trainable a;
  private final Trainable b;
  private final double scale;
  private final double dropout;
  private final Kernel lora;
  private final Kernel merge;

  LoraLinear(LinearSite site, LoraConfig config, Initial initial) {
    int r = config.rankOf(site.name());
    long in = site.inFeatures();
    long out = site.outFeatures();
    this.a = trainable("lora_A.weight", firstA(config, initial, r, in));
    this.b = trainable("lora_B.weight", firstB(config, initial, out, r));
    this.dropout = config.loraDropout();
    this.scale = config.scaleOf(site.name());
    this.lora = LORA.with("scale", scale);
    this.merge = (site.isTransposed() ? MERGE_TRANSPOSED : MERGE).with("scale", scale);
  }

  /** A [r, in] at the start. */
  static NDArray firstA(LoraConfig config, Initial initial, long r, long in) {
    return config.initLoraWeights() == LoraInitialization.GAUSSIAN
        ? initial.normal(1.0 / r, r, in)
        : initial.kaimingUniform(r, in);
  }

  /** B [out, r] at the start. */
  static NDArray firstB(LoraConfig config, Initial initial, long out, long r) {
    return config.initLoraWeights() == LoraInitialization.RANDOM
        ? initial.kaimingUniform(out, r)
        : initial.zeros(out, r);
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) {
    NDArray y = base.forward(x);
    NDArray dropped = isTraining() && dropout > 0 ? Dropout.of(dropout).call(x) : x;
    return lora.call(dropped, y, a.value(), b.value());
  }

  @Override
  public NDArray merge(NDArray weight) {
    return merge.call(weight, a.value(), b.value());
  }

  @Override
  public NDArray a() {
    return a.value();
  }

  @Override
  public NDArray b() {
    return b.value();
  }

  @Override
  public double scale() {
    return scale;
  }
}
