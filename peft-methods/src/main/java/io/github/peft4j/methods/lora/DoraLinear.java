package io.github.peft4j.methods.lora;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Dropout;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Initial;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.ParameterSite;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * DoRA (Liu et al. 2024, arXiv:2402.09353, eq. 5): y = m / n ∘ (W + s B A) x + b, where the length n
 * = ‖W + s B A‖ of each row counts as constant in the gradient (section 4.3).
 *
 * <p>m starts as ‖W‖. B A is never built: ‖W + s B A‖² = ‖W‖² + 2 s Σ(W Aᵀ ∘ B) + s² Σ(B (A Aᵀ) ∘ B),
 * and ‖W‖² is computed once.
 */
final class DoraLinear extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final String LENGTH =
      """
      def length(w: Tensor, square: Tensor, a: Tensor, b: Tensor) -> Tensor:   # w (out, in)
          product = torch.linear(w, a.to(w.dtype)).to(b.dtype)                 # W Aᵀ (out, r)
          change = torch.addmm(product, b, torch.mm(a, torch.t(a)), beta=2 * {scale}, alpha={scale} * {scale})
          total = torch.add(square, torch.sum(torch.mul(change, b), [1]))
          return torch.sqrt(torch.clamp_min(total, 1e-24))                     # (out)
      """;
  private static final String GAIN =
      LENGTH
          + """
          def gain(w: Tensor, square: Tensor, a: Tensor, b: Tensor, m: Tensor) -> Tensor:
              return torch.div(m, length({weight}, square, torch.detach(a), torch.detach(b)))
          """;
  private static final String SUM =
      GAIN
          + """
          def sum(x: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:       # x (…, in), y (…, out)
              low = torch.linear(torch.reshape(x, [-1, torch.size(x, -1)]), a.to(x.dtype))
              flat = torch.reshape(y, [-1, torch.size(y, -1)])
              return torch.addmm(flat, low, torch.t(b.to(x.dtype)), alpha={scale})
          """;

  // z ∘ g + c is a batch norm of mean 0 and variance 1. Written so, the gradient of g takes one pass
  // over z and dy; as a product it takes three, and DoRA is to cost little more than LoRA.
  private static final String SCALE =
      SUM
          + """
          def scale(z: Tensor, g: Tensor, c: Tensor, zero: Tensor, one: Tensor) -> Tensor:
              y, mean, deviation = torch.native_batch_norm(z, g, c, zero, one, False, 0., 0.)
              return y                                                         # (N, out)
          """;
  private static final Kernel DORA =
      Kernel.of(
          SCALE
              + """
              def dora(x: Tensor, y: Tensor, w: Tensor, square: Tensor, a: Tensor, b: Tensor, m: Tensor, zero: Tensor, one: Tensor) -> Tensor:
                  g = gain(w, square, a, b, m)
                  return torch.reshape(scale(sum(x, y, a, b), g, zero, zero, one), torch.size(y))
              """);
  private static final Kernel DORA_BIAS =
      Kernel.of(
          SCALE
              + """
              def dora(x: Tensor, y: Tensor, w: Tensor, square: Tensor, a: Tensor, b: Tensor, m: Tensor, zero: Tensor, one: Tensor, bias: Tensor) -> Tensor:
                  g = gain(w, square, a, b, m)
                  rest = torch.mul(bias, torch.rsub(g, 1))                     # (1 - g) ∘ bias
                  return torch.reshape(scale(sum(x, y, a, b), g, rest, zero, one), torch.size(y))
              """);
  private static final Kernel MERGE =
      Kernel.of(
          GAIN
              + """
              def merge(present: Tensor, w: Tensor, square: Tensor, a: Tensor, b: Tensor, m: Tensor) -> Tensor:
                  g = torch.reshape(gain(w, square, a, b, m), [-1, 1])
                  rows = torch.mul(torch.addmm({present}, b, a, alpha={scale}), g)
                  return torch.contiguous({rows})
              """);
  private static final Kernel SQUARE =
      Kernel.of(
          """
          def square(w: Tensor, b: Tensor) -> Tensor:                          # w (out, in) → (out)
              return torch.square(torch.linalg_vector_norm({weight}, 2, [1], False, dtype=b.dtype))
          """);
  private static final Kernel SQUARE_ROOT =
      Kernel.of(
          LENGTH
              + """
              def start(w: Tensor, square: Tensor, a: Tensor, b: Tensor) -> Tensor:
                  return length({weight}, square, a, b)
              """);
  private static final Kernel REPLACE =
      Kernel.of(
          """
          def replace(y: Tensor, old: Tensor, new: Tensor) -> Tensor:
              return torch.add(torch.sub(y, old), new)
          """);

  private final ParameterSite weight;
  private final @Nullable ParameterSite bias;
  private final Trainable a;
  private final Trainable b;
  private final Trainable m;
  private final NDArray square;
  private final NDArray zero;
  private final NDArray one;
  private final double dropout;
  private final Kernel dora;
  private final Kernel merge;

  DoraLinear(LinearSite site, LoraConfig config, Initial initial) {
    int r = config.rankOf(site.name());
    double scale = config.scaleOf(site.name());
    String rows = site.isTransposed() ? "torch.t(w)" : "w";
    this.weight = site.weight();
    this.bias = site.bias().orElse(null);
    this.a = trainable("lora_A.weight", LoraLinear.firstA(config, initial, r, site.inFeatures()));
    this.b = trainable("lora_B.weight", LoraLinear.firstB(config, initial, site.outFeatures(), r));
    NDArray w = weight.original();
    this.square =
        Scope.release(
            Autograd.without(() -> SQUARE.with("weight", rows).call(w, b.value())));
    this.zero = Scope.release(initial.zeros(site.outFeatures()));
    this.one = Scope.release(initial.filled(1, site.outFeatures()));
    Kernel start = SQUARE_ROOT.with("weight", rows).with("scale", scale);
    this.m =
        trainable(
            "lora_magnitude_vector",
            Autograd.without(() -> start.call(w, square, a.value(), b.value())));
    this.dropout = config.loraDropout();
    this.dora = (bias == null ? DORA : DORA_BIAS).with("weight", rows).with("scale", scale);
    this.merge =
        MERGE
            .with("weight", rows)
            .with("scale", scale)
            .with("present", site.isTransposed() ? "torch.t(present)" : "present")
            .with("rows", site.isTransposed() ? "torch.t(rows)" : "rows");
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in)
    NDArray y = base.forward(x); // (…, out)
    if (!isTraining() || dropout == 0) {
      return dora(x, y);
    }
    NDArray dropped = Dropout.of(dropout).call(x);
    NDArray old = base.forward(dropped);
    return REPLACE.call(y, old, dora(dropped, old));
  }

  private NDArray dora(NDArray x, NDArray y) {
    NDArray w = weight.original();
    return bias == null
        ? dora.call(x, y, w, square, a.value(), b.value(), m.value(), zero, one)
        : dora.call(x, y, w, square, a.value(), b.value(), m.value(), zero, one, bias.value());
  }

  @Override
  public NDArray merge(NDArray present) {
    return merge.call(present, weight.original(), square, a.value(), b.value(), m.value());
  }

  @Override
  public void close() {
    super.close();
    List.of(square, zero, one).forEach(NDArray::close);
  }
}
