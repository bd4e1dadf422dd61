package io.github.peft4j.methods.lora;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Dropout;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.LowRank;
import io.github.peft4j.tuner.Sites;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import org.jspecify.annotations.Nullable;

/** y = W x + b + s (B A dropout(x) + β), with A [r, in], B [out, r] and β [out] if asked for. */
final class LoraLinear extends TunerLayer<NDArray, NDArray> implements LowRank, Factored {

  static final Kernel LORA =
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

  private static final Kernel SHIFT =
      Kernel.of(
          """
          def shift(y: Tensor, beta: Tensor) -> Tensor:                    # y (…, out), beta (out)
              return torch.add(y, beta.to(y.dtype), alpha={scale})
          """);

  private final Factors factors;
  private final @Nullable Trainable beta;
  private final String name;
  private final boolean hasBias;
  private final Kernel shift;
  private final double dropout;
  private final Kernel lora;
  private final Kernel merge;

  LoraLinear(LinearSite site, LoraConfig config, Sites sites) {
    this(site, config, sites, null);
  }

  /**
   * A layer of an output that shares its table.
   *
   * @param table the layer of the embedding that it shares it with, or null for an output of its
   *     own
   */
  LoraLinear(LinearSite site, LoraConfig config, Sites sites, @Nullable TableFactors table) {
    this.factors =
        new Factors(
            site,
            config,
            sites,
            table,
            new Factors.Declarations(this::trainable, this::view, this::bufferBeside));
    this.beta =
        config.loraBias()
            ? trainable("lora_B.bias", sites.initial().zeros(site.outFeatures()))
            : null;
    this.name = site.name();
    this.hasBias = site.bias().isPresent();
    this.shift = SHIFT.with("scale", factors.scale());
    this.dropout = config.loraDropout();
    this.lora = LORA.with("scale", factors.scale());
    this.merge = (site.isTransposed() ? MERGE_TRANSPOSED : MERGE).with("scale", factors.scale());
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in) → (…, out)
    if (!isTraining(base.context()) || dropout == 0) {
      return shifted(lora.call(x, base.forward(x), factors.a(), factors.b()));
    }
    NDArray y = factors.remaining(x, base);
    NDArray dropped = Dropout.of(dropout).call(x);
    return shifted(lora.call(dropped, y, factors.trainedA().value(), factors.trainedB().value()));
  }

  private NDArray shifted(NDArray y) {
    return beta == null ? y : shift.call(y, beta.value());
  }

  @Override
  public @Nullable NDArray mergeBias(NDArray bias) {
    return beta == null ? null : shift.call(bias, beta.value());
  }

  @Override
  public NDArray merge(NDArray weight) {
    if (beta != null && !hasBias) {
      throw new IllegalStateException(
          "the adapter cannot be merged: lora_bias is true and "
              + name
              + " has no bias that takes B's up; keep the adapter beside the model");
    }
    return merge.call(weight, factors.a(), factors.b());
  }

  @Override
  public Factors factors() {
    return factors;
  }

  @Override
  public void loaded(boolean all) {
    factors.loaded(all);
  }

  @Override
  public NDArray a() {
    return factors.a();
  }

  @Override
  public NDArray b() {
    return factors.b();
  }

  @Override
  public double scale() {
    return factors.scale();
  }
}
