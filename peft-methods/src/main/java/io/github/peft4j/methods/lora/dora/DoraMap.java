package io.github.peft4j.methods.lora.dora;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.MatrixProduct;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.methods.lora.factors.Factors;
import io.github.peft4j.methods.lora.factors.LowRankProduct;
import io.github.peft4j.transformer.cuda.GainText;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;
import org.jspecify.annotations.Nullable;

/**
 * g ∘ (W + s B A) x + c in one kernel, with g = m / n and a bias c if the map has one, in a
 * training step.
 *
 * <p>g multiplies the weight, (g ∘ W) x + s (g ∘ B) A x + c, if x has more rows than W has columns;
 * then no pass over the outputs is needed. Otherwise it multiplies the outputs.
 *
 * <p>The gradient of g would cost a product as large as W x, so that of m is computed from y. With
 * y − c = m / n ∘ z and n constant, ∂L/∂m = Σ ∂L/∂y ∘ (y − c) / m, which is one pass over the two.
 */
final class DoraMap {

  private static final String PLAIN =
      MatrixProduct.text()
          + WeightNorm.SCALED
          + """
          def dora(x: Tensor, w: Tensor, n: Tensor, gain: Tensor, inverse: Tensor, a: Tensor, b: Tensor, m: Tensor, zero: Tensor, one: Tensor{parameter}) -> Tensor:
              stored = w.to(x.dtype)
              flat = torch.reshape(x, [-1, torch.size(x, -1)])                 # (N, in)
              low = torch.linear(flat, a.to(x.dtype))                          # (N, r)
              z = torch.addmm(product(flat, {rows}, None), low, torch.t(b.to(x.dtype)), alpha={scale})
              y = scaled(z, torch.div(m, n), {c}.to(one.dtype), zero, one)     # (N, out)
              size = torch.slice(torch.size(x), 0, -1)
              return torch.reshape(y, torch.add(size, [torch.size(y, 1)]))
          """;

  /** g ∘ W in the type of x. */
  private static final String GAINED =
      """
      def gained(w: Tensor, gain: Tensor, x: Tensor) -> Tensor:                # gain (out, 1)
          stored = w.to(x.dtype)
          weight = {rows}                                                      # (out, in)
          return torch.mul(weight, gain, out=torch.empty_like(weight))
      """;

  /**
   * Σ g ∘ (y − c) over the rows, in parts (slices, out). As a whole, it is the gradient of a batch
   * norm by its weight.
   */
  private static final Kernel SUMS =
      Kernel.of(
              """
              def sums(g: Tensor, y: Tensor, c: Tensor, one: Tensor) -> Tensor:    # (…, out), (…, out), (out)
                  flat = torch.reshape(g, [-1, torch.size(g, -1)])
                  mean = c.to(one.dtype)
                  none, sum, nothing = torch.native_batch_norm_backward(flat, torch.reshape(y, torch.size(flat)), one, mean, one, mean, one, False, 0., [False, True, False])
                  return torch.reshape(sum, [1, -1])
              """)
          .cuda(GainText.SUMS);

  private static final String PRODUCTS =
      MatrixProduct.textWithSum()
          + """
          def is_long(x: Tensor) -> bool:
              return torch.size(x, 0) > torch.size(x, 1)

          """;

  /** If x is long, w is g ∘ W. */
  private static final String TRAINING =
      PRODUCTS
          + """
          def dora(x: Tensor, w: Tensor, n: Tensor, gain: Tensor, inverse: Tensor, a: Tensor, b: Tensor, m: Tensor, zero: Tensor, one: Tensor{parameter}) -> List[Tensor]:
              flat = torch.reshape(x, [-1, torch.size(x, -1)])                 # (N, in)
              aw = a.to(x.dtype)
              up = torch.mul(b, gain).to(x.dtype)                              # g ∘ B (out, r)
              low = torch.linear(flat, aw)                                     # (N, r)
              if is_long(flat):
                  y = product(flat, w, {bias})                                 # (N, out)
              else:
                  stored = w.to(x.dtype)
                  y = torch.mul_(product(flat, {rows}, None), torch.t(gain))
                  if {has_bias}:
                      y = torch.add_(y, {c}.to(x.dtype))
              y = torch.addmm_(y, low, torch.t(up), alpha={scale})
              size = torch.slice(torch.size(x), 0, -1)
              return [torch.reshape(y, torch.add(size, [torch.size(y, 1)])), low, aw, up]
          """;

  /** If x is long, w is g ∘ W. The result's place has the {@link #SUMS}. */
  private static final String BACK =
      PRODUCTS
          + LowRankProduct.ADD_TO
          + """
          def back(g: Tensor, x: Tensor, w: Tensor, gain: Tensor, inverse: Tensor, {c_or_zero}: Tensor, one: Tensor, result: Tensor, kept0: Tensor, kept1: Tensor, kept2: Tensor, into_a: Tensor, into_b: Tensor, into_m: Tensor, sum_x: Tensor) -> Tensor:
              flat = torch.reshape(g, [-1, torch.size(g, -1)])                 # (N, out)
              xs = torch.reshape(x, [-1, torch.size(x, -1)])
              into_m = torch.addcmul_(into_m, torch.sum(result, [0]), inverse)     # (out)
              low = torch.mm(flat, kept2)                                      # (N, r)
              into_b = torch.addcmul_(into_b, torch.mm(torch.t(flat), kept0), gain, value={scale})
              add_to(into_a, torch.t(low), xs, {scale})
              if is_long(xs):
                  onward = onto(sum_x, flat, torch.t(w))                       # (N, in)
              else:
                  stored = w.to(g.dtype)
                  scaled = torch.mul(flat, torch.t(gain), out=torch.empty_like(flat))
                  onward = onto(sum_x, scaled, torch.t({rows}))
              onward = torch.addmm_(onward, low, kept1, alpha={scale})
              return torch.reshape(onward, torch.size(x))
          """;

  private final ParameterSite weight;
  private final @Nullable ParameterSite bias;
  private final Factors factors;
  private final WeightNorms.Member norm;
  private final Trainable m;
  private final boolean transposed;
  private final Kernel gained;
  private final Kernel kernel;

  /** Rounds as the kernel does where its derivative is noted, for a layer that runs again later. */
  private final Kernel alone;

  DoraMap(LinearSite site, Factors factors, WeightNorms.Member norm, Trainable m) {
    this.weight = site.weight();
    this.bias = site.bias().orElse(null);
    this.factors = factors;
    this.norm = norm;
    this.m = m;
    this.transposed = site.isTransposed();
    Kernel product = Kernel.of(bound(GAINED));
    this.gained = transposed ? product : product.cuda(GainText.WEIGHT);
    double scale = factors.scale();
    Kernel training = Kernel.of(bound(TRAINING)).with("scale", scale);
    Kernel back = Kernel.of(bound(BACK)).with("scale", scale);
    this.alone = training.by(given -> train(training, given));
    this.kernel =
        Kernel.of(bound(PLAIN))
            .with("scale", scale)
            .derivative("x", alone, back.by(given -> back(back, given)));
  }

  /** The text for a map with or without a bias, and either layout of the weight. */
  private String bound(String text) {
    boolean biased = bias != null;
    return text.replace("{parameter}", biased ? ", c: Tensor" : "")
        .replace("{c_or_zero}", biased ? "c" : "zero")
        .replace("{c}", biased ? "c" : "zero")
        .replace("{bias}", biased ? "c.to(x.dtype)" : "None")
        .replace("{has_bias}", biased ? "True" : "False")
        .replace("{rows}", transposed ? "torch.t(stored)" : "stored");
  }

  /** Runs {@link #TRAINING} for (x, w, n, gain, …). */
  private NDList train(Kernel training, NDList given) {
    try (Scope scope = new Scope()) {
      NDList results = training.callForAll(gained(given, 0, 1, 3));
      results.forEach(scope::keep);
      return results;
    }
  }

  /** Runs {@link #BACK} for (dy, x, w, gain, inverse, c, one, y, …). */
  private NDList back(Kernel back, NDList given) {
    try (Scope scope = new Scope()) {
      NDArray[] arguments = gained(given, 1, 2, 3);
      arguments[7] = SUMS.call(given.get(0), given.get(7), given.get(5), given.get(6));
      return new NDList(scope.keep(back.call(arguments)));
    }
  }

  /** Arguments in which g ∘ W stands for W, if x is long; x, W and g by index. */
  private NDArray[] gained(NDList given, int x, int weight, int gain) {
    NDArray[] arguments = given.toArray(NDArray[]::new);
    Shape shape = arguments[x].getShape();
    long columns = shape.get(shape.dimension() - 1);
    if (shape.size() > columns * columns) {
      arguments[weight] = gained.call(arguments[weight], arguments[gain], arguments[x]);
    }
    return arguments;
  }

  /** x (…, in) → (…, out). */
  NDArray forward(NDArray x, ForwardContext context) {
    WeightNorm own = norm.own();
    NDList arguments =
        new NDList(
            x,
            weight.value(context),
            norm.norm(true),
            norm.gain(),
            norm.inverse(),
            factors.a(),
            factors.b(),
            m.value(),
            own.zero(),
            own.one());
    if (bias != null) {
      arguments.add(bias.value(context));
    }
    NDArray[] given = arguments.toArray(NDArray[]::new);
    boolean isNotedLater = !Autograd.isRecording() && context.isOfKernels();
    return isNotedLater ? alone.callForAll(given).get(0) : kernel.call(given);
  }
}
