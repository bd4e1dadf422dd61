package io.github.peft4j.methods.bottleneck;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Dropout;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Ops;
import io.github.peft4j.methods.bottleneck.Affine.Position;
import io.github.peft4j.methods.bottleneck.fields.InitWeights;
import io.github.peft4j.methods.bottleneck.fields.NonLinearity;
import io.github.peft4j.methods.bottleneck.fields.Norms;
import io.github.peft4j.methods.bottleneck.fields.Residual;
import io.github.peft4j.methods.bottleneck.fields.Scaling;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.train.objective.OwnObjective;
import io.github.peft4j.tuner.Declarations;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.SublayerSite;
import org.jspecify.annotations.Nullable;

/**
 * u(z) = s (W₂ f(W₁ z + b₁) + b₂) with W₁ [m, D] and W₂ [D, m], for a branch that adds h to the
 * stream x:
 *
 * <ul>
 *   <li>parallel to the branch: h + u(x), with x before any norm;
 *   <li>after the branch: h + u(h), or with {@code original_ln_before} h + u(norm(x + h)), where
 *       {@code residual_before_ln} may replace the first h by another term.
 * </ul>
 *
 * <p>The model adds the result to x and normalises it as without an adapter. A gate multiplies u by
 * the mean of σ(w z + b) over a text's tokens. AdapterHub's {@code methods/modeling.py}: Adapter
 * and ParallelAdapter, pre_forward, forward and post_forward.
 */
final class BottleneckAdapter extends TunerLayer<SublayerSite.Input, NDArray>
    implements OwnObjective {

  static final String NORM_BEFORE = "adapter_norm_before";

  private static final Kernel UP =
      Kernel.of(
          """
          def affine(x: Tensor, w: Tensor, b: Tensor) -> Tensor:       # one map, or one for each copy
              if torch.dim(w) == 2:
                  return torch.linear(x, w.to(x.dtype), b.to(x.dtype))
              copies = torch.reshape(x, [torch.size(w, 0), -1, torch.size(x, -1)])
              y = torch.baddbmm(torch.unsqueeze(b.to(x.dtype), 1), copies, torch.transpose(w.to(x.dtype), 1, 2))
              return torch.reshape(y, [torch.size(x, 0), torch.size(x, 1), torch.size(w, 1)])

          def up(z: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
              x = affine(z, w1, b1)
              low = {f}                                                # (B, T, m)
              return affine(low, w2, b2)                               # (B, T, D)
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

  /** The gate of each text: the mean of σ(w z + b) over its tokens. */
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
  private final Affine.Source maps;
  private final Affine first;
  private final Affine second;
  private final @Nullable Trainable s;
  private final @Nullable Norm after;
  private final @Nullable Gate gate;
  private final Kernel up;
  private final @Nullable Kernel scale;

  /**
   * The settings of an adapter, except for its two maps.
   *
   * @param parallel true if it is parallel to its branch, false if it is after it
   * @param norms the norms, and what is added before them
   * @param f the non-linearity
   * @param scaling s
   * @param dropout probability that an element of its output is dropped, in [0, 1)
   * @param gated whether there is a gate
   * @param start how the matrices and the gate are initialised
   */
  record Settings(
      boolean parallel,
      Norms norms,
      NonLinearity f,
      Scaling scaling,
      double dropout,
      boolean gated,
      InitWeights start) {}

  /**
   * Creates an adapter.
   *
   * @param d D, the width of the hidden state
   * @param m the width of the bottleneck
   * @param maps creates both maps
   */
  BottleneckAdapter(long d, long m, Settings settings, Affine.Source maps, Initializer initial) {
    Norms norms = settings.norms;
    this.parallel = settings.parallel;
    this.normalised = norms.originalLnBefore();
    this.residual = norms.residualBeforeLn();
    this.residualBeforeNorm = norms.adapterResidualBeforeLn();
    this.dropout = settings.dropout;
    this.before = norms.lnBefore() ? norm(NORM_BEFORE, d, initial) : null;
    String down = norms.lnBefore() ? "adapter_down.1" : "adapter_down.0";
    InitWeights start = settings.start;
    this.maps = maps;
    Declarations layer = declarations();
    this.first = maps.map(down, Position.DOWN, m, d, (o, i) -> start.down(initial, o, i), layer);
    this.second =
        maps.map("adapter_up", Position.UP, d, m, (o, i) -> start.up(initial, o, i), layer);
    Scaling scaling = settings.scaling;
    this.s =
        scaling.value() == null
            ? trainable("scaling", initial.filled(1, scaling.perChannel() ? d : 1))
            : null;
    this.after = norms.lnAfter() ? norm("adapter_norm_after", d, initial) : null;
    this.gate =
        settings.gated
            ? new Gate(
                trainable("gate.weight", start.gate(initial, d)),
                trainable("gate.bias", start.gateBias(initial, d)))
            : null;
    this.up = UP.with("f", settings.f.expression());
    this.scale =
        scaling.value() == null
            ? SCALE
            : scaling.value() == 1 ? null : SCALE_FIXED.with("s", scaling.value());
  }

  private Norm norm(String key, long d, Initializer initial) {
    return new Norm(
        trainable(key + ".weight", initial.filled(1, d)),
        trainable(key + ".bias", initial.zeros(d)));
  }

  @Override
  public Objective objective(Objective ofTask) {
    return trains() ? maps.objective(ofTask) : ofTask;
  }

  @Override
  public @Nullable String whyOneTextPerRow() {
    return gate == null ? null : "the gate of a bottleneck is a mean over a row's tokens";
  }

  @Override
  public @Nullable String whyWholeBatches() {
    return gate == null ? null : whyOneTextPerRow() + ", with the padding that its batch needs";
  }

  @Override
  public boolean isRepeatable() {
    return first.isRepeatable() && second.isRepeatable();
  }

  @Override
  public NDArray forward(SublayerSite.Input in, Forward<SublayerSite.Input, NDArray> base) {
    NDArray h = base.forward(in);
    if (parallel) {
      NDArray u = up(in.residual(), base.context());
      return Ops.add(after == null ? u : after.of(u), h);
    }
    NDArray sum = normalised ? Ops.add(h, in.residual()) : h;
    NDArray z = normalised ? in.norm().forward(sum, base.context()) : h;
    NDArray r =
        switch (residual) {
          case BRANCH -> h;
          case NORMALISED -> z;
          case SUM -> sum;
        };
    NDArray u = up(z, base.context());
    if (after == null) {
      return Ops.add(u, r);
    }
    return residualBeforeNorm ? after.of(Ops.add(u, r)) : Ops.add(after.of(u), r);
  }

  /** u(z), (B, T, D). */
  private NDArray up(NDArray z, ForwardContext context) {
    NDArray x = before == null ? z : before.of(z);
    Affine.Values w1 = first.of(context, isTraining(context));
    Affine.Values w2 = second.of(context, isTraining(context));
    NDArray u = up.call(x, w1.weight(), w1.bias(), w2.weight(), w2.bias());
    if (scale != null) {
      u = s == null ? scale.call(u) : scale.call(u, s.value());
    }
    u = isTraining(context) && dropout > 0 ? Dropout.of(dropout).call(u) : u;
    return gate == null ? u : gate.of(u, z);
  }
}
