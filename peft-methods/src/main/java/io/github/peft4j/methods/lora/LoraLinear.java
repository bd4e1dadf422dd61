package io.github.peft4j.methods.lora;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Dropout;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.methods.lora.factors.Factored;
import io.github.peft4j.methods.lora.factors.Factors;
import io.github.peft4j.methods.lora.factors.LowRankMap;
import io.github.peft4j.methods.lora.factors.LowRankProduct;
import io.github.peft4j.tuner.Computation;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.LowRank;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.LinearSite;
import org.jspecify.annotations.Nullable;

/** y = W x + b + s (B A dropout(x) + β), with A [r, in], B [out, r] and an optional β [out]. */
final class LoraLinear extends TunerLayer<NDArray, NDArray> implements LowRank, Factored {

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
  private final LowRankProduct product;
  private final LowRankMap map;
  private final Computation<NDArray, NDArray> frozen;

  /**
   * Creates the adapter of one linear layer.
   *
   * @param factors declares A and B
   * @param dropout probability that an element of the input is dropped before A, in [0, 1)
   * @param beta initial value of β [out], or null for none
   */
  LoraLinear(LinearSite site, Factors.Source factors, double dropout, @Nullable NDArray beta) {
    this.factors = factors.declare(declarations());
    this.beta = beta == null ? null : trainable("lora_B.bias", beta);
    this.name = site.name();
    this.hasBias = site.bias().isPresent();
    this.shift = SHIFT.with("scale", this.factors.scale());
    this.dropout = dropout;
    this.product = new LowRankProduct(this.factors.scale(), site.isTransposed());
    this.map = new LowRankMap(site, this.factors.scale());
    this.frozen = site.base();
  }

  @Override
  public boolean isRepeatable() {
    return true;
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in) → (…, out)
    NDArray dropped = isTraining(base.context()) && dropout > 0 ? Dropout.of(dropout).call(x) : x;
    return shifted(product(x, dropped, base)); // W x + s B A dropped + s β
  }

  private NDArray product(NDArray x, NDArray z, Forward<NDArray, NDArray> base) {
    boolean alone = x == z && factors.isPlain() && base.computation() == frozen;
    if (!alone) {
      return factors.add(x, z, base);
    }
    return map.isDense()
        ? map.forward(x, factors.a(), factors.b(), base.context())
        : product.addTo(base.forward(x), x, factors.a(), factors.b());
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
    return product.merge(weight, factors.a(), factors.b());
  }

  @Override
  public boolean isMadeOfKernels() {
    return true;
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
