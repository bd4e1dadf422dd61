package io.github.peft4j.methods.lora.dora;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Dropout;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.methods.lora.factors.Factored;
import io.github.peft4j.methods.lora.factors.Factors;
import io.github.peft4j.tuner.Computation;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;
import org.jspecify.annotations.Nullable;

/** DoRA: y = g ∘ (W + s B A) x + b, with g = m / ‖W + s B A‖ and m = ‖W‖ at the start. */
public final class DoraLinear extends TunerLayer<NDArray, NDArray> implements Mergeable, Factored {

  private static final String DORA =
      WeightNorm.SCALED
          + """
          def sum(x: Tensor, y: Tensor, a: Tensor, b: Tensor, g: Tensor, c: Tensor, zero: Tensor, one: Tensor) -> Tensor:
              low = torch.linear(torch.reshape(x, [-1, torch.size(x, -1)]), a.to(x.dtype))
              flat = torch.reshape(y, [-1, torch.size(y, -1)])
              z = torch.addmm(flat, low, torch.t(b.to(x.dtype)), alpha={scale})
              return torch.reshape(scaled(z, g, c, zero, one), torch.size(y))
          """;
  private static final Kernel WITHOUT_BIAS =
      Kernel.of(
          DORA
              + """
              def dora(x: Tensor, y: Tensor, n: Tensor, a: Tensor, b: Tensor, m: Tensor, zero: Tensor, one: Tensor) -> Tensor:
                  return sum(x, y, a, b, torch.div(m, n), zero, zero, one)
              """);
  private static final Kernel WITH_BIAS =
      Kernel.of(
          DORA
              + """
              def dora(x: Tensor, y: Tensor, n: Tensor, a: Tensor, b: Tensor, m: Tensor, zero: Tensor, one: Tensor, bias: Tensor) -> Tensor:
                  g = torch.div(m, n)
                  rest = torch.mul(bias, torch.rsub(g, 1))                     # (1 - g) ∘ bias
                  return sum(x, y, a, b, g, rest, zero, one)
              """);
  private static final Kernel MERGE =
      Kernel.of(
          """
          def merge(present: Tensor, n: Tensor, a: Tensor, b: Tensor, m: Tensor) -> Tensor:
              g = torch.reshape(torch.div(m, n), [-1, 1])
              rows = torch.mul(torch.addmm({present}, b, a, alpha={scale}), g)
              return torch.contiguous({rows})
          """);
  private static final Kernel REPLACE =
      Kernel.of(
          """
          def replace(y: Tensor, old: Tensor, new: Tensor) -> Tensor:
              return torch.add(torch.sub(y, old), new)
          """);

  private final Factors factors;
  private final Trainable m;
  private final @Nullable ParameterSite bias;
  private final Computation<NDArray, NDArray> frozen;
  private final WeightNorms.Member norm;
  private final DoraMap map;
  private final double dropout;
  private final Kernel dora;
  private final Kernel merge;

  /**
   * Creates the adapter of one linear layer.
   *
   * @param factors declares A and B
   * @param norms the norms of the adapter
   * @param dropout probability that an element of the input is dropped before A, in [0, 1)
   */
  public DoraLinear(LinearSite site, Factors.Source factors, WeightNorms norms, double dropout) {
    boolean transposed = site.isTransposed();
    this.factors = factors.declare(declarations());
    WeightNorm own = norms.ofMap(site, this.factors);
    this.m = trainable("lora_magnitude_vector", own.value().duplicate());
    this.norm = norms.add(site, own, this.factors, m);
    this.bias = site.bias().orElse(null);
    this.frozen = site.base();
    this.map = new DoraMap(site, this.factors, norm, m);
    this.dropout = dropout;
    this.dora = (bias == null ? WITHOUT_BIAS : WITH_BIAS).with("scale", this.factors.scale());
    this.merge =
        MERGE
            .with("scale", this.factors.scale())
            .with("present", transposed ? "torch.t(present)" : "present")
            .with("rows", transposed ? "torch.t(rows)" : "rows");
  }

  @Override
  public boolean isRepeatable() {
    return true;
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in)
    if (!isTraining(base.context()) || dropout == 0) {
      if (isTraining(base.context()) && base.computation() == frozen) {
        return map.forward(x, base.context());
      }
      return dora(x, base.forward(x), factors.a(), factors.b(), base.context()); // (…, out)
    }
    NDArray dropped = Dropout.of(dropout).call(x);
    NDArray old = factors.remaining(base).forward(dropped);
    NDArray changed =
        dora(dropped, old, factors.trainedA().value(), factors.trainedB().value(), base.context());
    return REPLACE.call(factors.remaining(base).forward(x), old, changed);
  }

  private NDArray dora(NDArray x, NDArray y, NDArray a, NDArray b, ForwardContext context) {
    NDArray n = norm.norm(isTraining(context));
    NDArray zero = norm.own().zero();
    NDArray one = norm.own().one();
    return bias == null
        ? dora.call(x, y, n, a, b, m.value(), zero, one)
        : dora.call(x, y, n, a, b, m.value(), zero, one, bias.value(context));
  }

  @Override
  public NDArray merge(NDArray present) {
    return merge.call(present, norm.own().value(), factors.a(), factors.b(), m.value());
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
  public void onTraining(boolean training) {
    norm.forget();
  }

  @Override
  public void close() {
    super.close();
    norm.close();
  }
}
