package io.github.peft4j.methods.bottleneck;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Dropout;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.Initial;
import io.github.peft4j.tuner.SublayerSite;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import org.jspecify.annotations.Nullable;

/**
 * u(z) = s (W₂ f(W₁ z + b₁) + b₂) with W₁ [m, D] and W₂ [D, m], around a branch that adds h to the
 * stream x:
 *
 * <ul>
 *   <li>beside the branch, h + u(x), with x as it is before any norm;
 *   <li>behind it, h + u(h), or with {@code original_ln_before} h + u(norm(x + h)), where {@code
 *       residual_before_ln} may put another term in the place of the first h.
 * </ul>
 *
 * <p>The model adds the result to x and normalises as ever. A gate multiplies u by the mean of σ(w
 * z + b) over a text's tokens. AdapterHub's {@code methods/modeling.py}: Adapter and
 * ParallelAdapter, pre_forward, forward and post_forward.
 */
final class BottleneckAdapter extends TunerLayer<SublayerSite.Input, NDArray> {

  static final String NORM_BEFORE = "adapter_norm_before";

  private static final Kernel UP =
      Kernel.of(
          """
          def up(z: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
              x = torch.linear(z, w1.to(z.dtype), b1.to(z.dtype))
              low = {f}                                                # (B, T, m)
              return torch.linear(low, w2.to(z.dtype), b2.to(z.dtype)) # (B, T, D)
          """);
  private static final Kernel ADD =
      Kernel.of(
          """
          def add(x: Tensor, y: Tensor) -> Tensor:
              return torch.add(x, y)
          """);
  private static final Kernel SCALE =
      Kernel.of(
          """
          def scale(x: Tensor, s: Tensor) -> Tensor:                   # s (1) or (D)
              return torch.mul(x, s.to(x.dtype))
          """);
  private static final Kernel SCALE_FIXED =
      Kernel.of(
          """
          def scale(x: Tensor) -> Tensor:
              return torch.mul(x, {s})
          """);
  private static final Kernel NORM =
      Kernel.of(
          """
          def norm(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
              return torch.layer_norm(x, [torch.size(x, -1)], w.to(x.dtype), b.to(x.dtype), 1e-05)
          """);

  private static final Kernel GATE =
      Kernel.of(
          """
          def gate(u: Tensor, z: Tensor, w: Tensor, b: Tensor) -> Tensor:
              open = torch.sigmoid(torch.linear(z, w.to(z.dtype), b.to(z.dtype)))  # (B, T, 1)
              return torch.mul(u, torch.mean(open, [1], True))                     # (B, T, D)
          """);

  /** How far the adapter is open for each text: the mean of σ(w z + b) over its tokens. */
  private record Gate(Trainable weight, Trainable bias) {
    NDArray of(NDArray u, NDArray z) {
      return GATE.call(u, z, weight.value(), bias.value());
    }
  }

  /** A norm of the adapter's own. */
  private record Norm(Trainable weight, Trainable bias) {
    NDArray of(NDArray x) {
      return NORM.call(x, weight.value(), bias.value());
    }
  }

  private final boolean parallel;
  private final boolean normalised;
  private final Residual residual;
  private final boolean residualBeforeNorm;
  private final double dropout;
  private final @Nullable Norm before;
  private final Affine first;
  private final Affine second;
  private final @Nullable Trainable s;
  private final @Nullable Norm after;
  private final @Nullable Gate gate;
  private final Kernel up;
  private final @Nullable Kernel scale;

  BottleneckAdapter(
      SublayerSite site,
      int layer,
      BottleneckConfig config,
      @Nullable Hypercomplex maps,
      Initial initial) {
    long d = site.dimension();
    long m = config.reductionFactor().width(d, layer);
    this.parallel = config.isParallel();
    this.normalised = config.norms().originalLnBefore();
    this.residual = config.norms().residualBeforeLn();
    this.residualBeforeNorm = config.norms().adapterResidualBeforeLn();
    this.dropout = config.dropout();
    this.before = config.norms().lnBefore() ? norm(NORM_BEFORE, d, initial) : null;
    String down = config.norms().lnBefore() ? "adapter_down.1" : "adapter_down.0";
    Start start = config.initWeights();
    if (maps != null) {
      this.first = maps.map(down, "down", m, d, this::declare, this::reads);
      this.second = maps.map("adapter_up", "up", d, m, this::declare, this::reads);
    } else {
      this.first = Affine.Dense.of(down, start.down(initial, m, d), initial, this::declare);
      this.second = Affine.Dense.of("adapter_up", start.up(initial, d, m), initial, this::declare);
    }
    Scaling scaling = config.scaling();
    this.s =
        scaling.value() == null
            ? trainable("scaling", initial.filled(1, scaling.perChannel() ? d : 1))
            : null;
    this.after = config.norms().lnAfter() ? norm("adapter_norm_after", d, initial) : null;
    this.gate =
        config.useGating()
            ? new Gate(
                trainable("gate.weight", start.gate(initial, d)),
                trainable("gate.bias", start.gateBias(initial, d)))
            : null;
    this.up = UP.with("f", config.nonLinearity().expression);
    this.scale =
        scaling.value() == null
            ? SCALE
            : scaling.value() == 1 ? null : SCALE_FIXED.with("s", scaling.value());
  }

  private Trainable declare(String key, NDArray initial, boolean trained) {
    return trained ? trainable(key, initial) : buffer(key, initial);
  }

  private Norm norm(String key, long d, Initial initial) {
    return new Norm(
        trainable(key + ".weight", initial.filled(1, d)),
        trainable(key + ".bias", initial.zeros(d)));
  }

  @Override
  public NDArray forward(SublayerSite.Input in, Forward<SublayerSite.Input, NDArray> base) {
    NDArray h = base.forward(in);
    if (parallel) {
      NDArray u = up(in.residual(), base.context());
      return ADD.call(after == null ? u : after.of(u), h);
    }
    NDArray sum = normalised ? ADD.call(h, in.residual()) : h;
    NDArray z = normalised ? in.norm().forward(sum, base.context()) : h;
    NDArray r =
        switch (residual) {
          case BRANCH -> h;
          case NORMALISED -> z;
          case SUM -> sum;
        };
    NDArray u = up(z, base.context());
    if (after == null) {
      return ADD.call(u, r);
    }
    return residualBeforeNorm ? after.of(ADD.call(u, r)) : ADD.call(after.of(u), r);
  }

  /** u(z), (B, T, D). */
  private NDArray up(NDArray z, ForwardContext context) {
    NDArray x = before == null ? z : before.of(z);
    NDArray u =
        up.call(
            x,
            first.weight(context),
            first.bias(context),
            second.weight(context),
            second.bias(context));
    if (scale != null) {
      u = s == null ? scale.call(u) : scale.call(u, s.value());
    }
    u = isTraining(context) && dropout > 0 ? Dropout.of(dropout).call(u) : u;
    return gate == null ? u : gate.of(u, z);
  }
}
