package io.github.peft4j.methods.gatedlora;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Dropout;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.LinearSite;

/**
 * y = W x + b + g B A dropout(x), with A [r, in], B [out, r] and, for each text, the gate g: the
 * mean of σ(w x + c) over its tokens.
 */
final class GatedLoraLinear extends TunerLayer<NDArray, NDArray> {

  private static final Kernel ADD =
      Kernel.of(
          """
          def add(y: Tensor, z: Tensor, x: Tensor, a: Tensor, b: Tensor, w: Tensor, c: Tensor) -> Tensor:
              u = torch.linear(torch.linear(z, a.to(x.dtype)), b.to(x.dtype))      # (B, T, out)
              open = torch.sigmoid(torch.linear(x, w.to(x.dtype), c.to(x.dtype)))  # (B, T, 1)
              return torch.add(y, torch.mul(u, torch.mean(open, [-2], True)))
          """);

  private final Trainable a;
  private final Trainable b;
  private final Trainable w;
  private final Trainable c;
  private final double dropout;

  GatedLoraLinear(LinearSite site, GatedLoraConfig config, Initializer initial) {
    long in = site.inFeatures();
    this.a = trainable("lora_A.weight", initial.kaimingUniform(config.r(), in));
    this.b = trainable("lora_B.weight", initial.zeros(site.outFeatures(), config.r()));
    this.w = trainable("gate.weight", initial.normal(0.02, 1, in));
    this.c = trainable("gate.bias", initial.uniform(1 / Math.sqrt((double) in), 1));
    this.dropout = config.loraDropout();
  }

  @Override
  public String whyOneTextPerRow() {
    return "the gate of a LoRA is a mean over a row's tokens";
  }

  @Override
  public String whyWholeBatches() {
    return whyOneTextPerRow() + ", with the padding that its batch needs";
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) {
    NDArray z = isTraining(base.context()) && dropout > 0 ? Dropout.of(dropout).call(x) : x;
    return ADD.call(base.forward(x), z, x, a.value(), b.value(), w.value(), c.value());
  }
}
