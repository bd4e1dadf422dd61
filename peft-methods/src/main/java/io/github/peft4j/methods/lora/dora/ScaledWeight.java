package io.github.peft4j.methods.lora.dora;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.methods.lora.factors.Factors;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;
import org.jspecify.annotations.Nullable;

/**
 * DoRA's training step with g applied to the weight: y = (g ∘ W) x + s (g ∘ B) A x + b. This equals
 * g ∘ (W + s B A) x + b, which scales the outputs. It is cheaper if x has more rows than W has
 * columns, because it needs no pass over the outputs.
 *
 * <p>The gradient of g would cost PyTorch a product as large as W x, so it is computed from y. With
 * y - b = m / n ∘ z and n constant, ∂L/∂m = Σ ∂L/∂y ∘ (y − b) / m, which is one pass over the two.
 */
final class ScaledWeight {

  private static final String SCALED =
      """
          def scaled(x: Tensor, w: Tensor, g: Tensor, a: Tensor, b: Tensor, bias: Optional[Tensor]) -> Tuple[Tensor, Tensor]:
              rows = {weight}                                                  # (out, in)
              weight = torch.mul(rows, g, out=torch.empty_like(rows))
              flat = torch.reshape(x, [-1, torch.size(x, -1)])
              low = torch.linear(flat, a.to(x.dtype))                          # (N, r)
              up = torch.mul(b, g).to(x.dtype)                                 # (out, r)
              y = torch.addmm_(torch.linear(flat, weight, bias), low, torch.t(up), alpha={scale})
              if y.requires_grad:
                  torch.retain_grad(y)
              size = torch.slice(torch.size(x), 0, -1)
              return (torch.reshape(y, torch.add(size, [torch.size(y, 1)])), y)
          """;
  private static final Kernel WITHOUT_BIAS =
      Kernel.of(
          SCALED
              + """
              def dora(x: Tensor, w: Tensor, g: Tensor, a: Tensor, b: Tensor) -> Tuple[Tensor, Tensor]:
                  return scaled(x, w, g, a, b, None)
              """);
  private static final Kernel WITH_BIAS =
      Kernel.of(
          SCALED
              + """
              def dora(x: Tensor, w: Tensor, g: Tensor, a: Tensor, b: Tensor, bias: Tensor) -> Tuple[Tensor, Tensor]:
                  return scaled(x, w, g, a, b, bias.to(x.dtype))
              """);

  /** Σ dy ∘ (y − bias) in one pass: the gradient of a batch norm by its weight. */
  private static final Kernel SUM =
      Kernel.of(
          """
          def sum(y: Tensor, dy: Tensor, bias: Tensor, one: Tensor) -> Tensor:
              mean = bias.to(one.dtype)
              none, sum, nothing = torch.native_batch_norm_backward(dy, y, one, mean, one, mean, one, False, 0., [False, True, False])
              return sum                                                       # (out)
          """);

  private final LinearSite site;
  private final Factors factors;
  private final WeightNorms.Member norm;
  private final Trainable m;
  private final @Nullable ParameterSite bias;
  private final Kernel dora;

  ScaledWeight(LinearSite site, Factors factors, WeightNorms.Member norm, Trainable m) {
    this.site = site;
    this.factors = factors;
    this.norm = norm;
    this.m = m;
    this.bias = site.bias().orElse(null);
    this.dora =
        norm.own().bind(bias == null ? WITHOUT_BIAS : WITH_BIAS).with("scale", factors.scale());
  }

  /** Whether m is being trained, and scaling W costs less than scaling y. */
  boolean pays(NDArray x, ForwardContext context) {
    long rows = x.size() / site.inFeatures();
    return rows > site.inFeatures() && m.value().hasGradient() && context.tape().isWatching();
  }

  /** x (…, in) → (…, out). */
  NDArray forward(NDArray x, ForwardContext context) {
    NDArray w = norm.own().weight();
    NDArray a = factors.a();
    NDArray b = factors.b();
    NDArray g = norm.gain();
    NDList both =
        bias == null
            ? dora.callForAll(x, w, g, a, b)
            : dora.callForAll(x, w, g, a, b, bias.value(context));
    Tape tape = context.tape();
    tape.watch(both.get(1), (y, dy) -> addGradient(y, dy, context));
    norm.expectGradient(tape);
    return both.get(0);
  }

  private void addGradient(NDArray y, NDArray dy, ForwardContext context) {
    NDArray mean = bias == null ? norm.own().zero() : bias.value(context);
    norm.addGradient(SUM.call(y, dy, mean, norm.own().one()));
  }
}
