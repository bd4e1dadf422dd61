package io.github.peft4j.methods.lora;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Dropout;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Remembered;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.tuner.Computation;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.ParameterSite;
import io.github.peft4j.tuner.Sites;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import org.jspecify.annotations.Nullable;

/** DoRA: y = g ∘ (W + s B A) x + b, with g = m / ‖W + s B A‖ and m = ‖W‖ at the start. */
final class DoraLinear extends TunerLayer<NDArray, NDArray> implements Mergeable, Factored {

  private static final String DORA =
      Magnitude.SCALED
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
  private final Magnitude magnitude;
  private final Trainable m;
  private final @Nullable ParameterSite bias;
  private final Computation<NDArray, NDArray> frozen;
  private final Lengths.Module length;
  private final Remembered lengthAtRest;
  private final ScaledWeight scaledWeight;
  private final double dropout;
  private final Kernel dora;
  private final Kernel merge;

  DoraLinear(LinearSite site, LoraConfig config, Sites sites, Lengths.Groups lengths) {
    this(site, config, sites, lengths, null);
  }

  /**
   * A layer of an output that shares its table.
   *
   * @param table the layer of the embedding that it shares it with, or null for an output of its
   *     own
   */
  DoraLinear(
      LinearSite site,
      LoraConfig config,
      Sites sites,
      Lengths.Groups lengths,
      @Nullable TableFactors table) {
    boolean transposed = site.isTransposed();
    this.factors =
        new Factors(
            site,
            config,
            sites,
            table,
            new Factors.Declarations(this::trainable, this::view, this::bufferBeside));
    this.magnitude = new Magnitude(site.weight(), transposed, factors.scale(), sites.initial());
    try (Scope scope = new Scope()) {
      this.m = trainable("lora_magnitude_vector", magnitude.length(factors.a(), factors.b()));
    }
    this.bias = site.bias().orElse(null);
    this.frozen = site.base();
    this.length = lengths.add(magnitude, factors, transposed, m);
    this.lengthAtRest =
        new Remembered(
            () -> magnitude.length(factors.a(), factors.b()),
            factors.trainedA().value(),
            factors.trainedB().value());
    this.scaledWeight = new ScaledWeight(site, factors, magnitude, length, m);
    this.dropout = config.loraDropout();
    this.dora = (bias == null ? WITHOUT_BIAS : WITH_BIAS).with("scale", factors.scale());
    this.merge =
        MERGE
            .with("scale", factors.scale())
            .with("present", transposed ? "torch.t(present)" : "present")
            .with("rows", transposed ? "torch.t(rows)" : "rows");
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in)
    if (!isTraining(base.context()) || dropout == 0) {
      if (base.computation() == frozen && scaledWeight.pays(x, base.context())) {
        return scaledWeight.forward(x, base.context());
      }
      return dora(x, base.forward(x), factors.a(), factors.b(), base.context()); // (…, out)
    }
    NDArray dropped = Dropout.of(dropout).call(x);
    NDArray old = factors.remaining(dropped, base);
    NDArray changed =
        dora(dropped, old, factors.trainedA().value(), factors.trainedB().value(), base.context());
    return REPLACE.call(factors.remaining(x, base), old, changed);
  }

  private NDArray dora(NDArray x, NDArray y, NDArray a, NDArray b, ForwardContext context) {
    NDArray n = isTraining(context) ? length.length() : lengthAtRest.value();
    NDArray zero = magnitude.zero();
    NDArray one = magnitude.one();
    return bias == null
        ? dora.call(x, y, n, a, b, m.value(), zero, one)
        : dora.call(x, y, n, a, b, m.value(), zero, one, bias.value(context));
  }

  @Override
  public NDArray merge(NDArray present) {
    return merge.call(present, lengthAtRest.value(), factors.a(), factors.b(), m.value());
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
    length.forget();
    lengthAtRest.forget();
  }

  @Override
  public void close() {
    super.close();
    length.close();
    lengthAtRest.close();
    magnitude.close();
  }
}
