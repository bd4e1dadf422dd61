package io.github.peft4j.methods.pruning;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.common.sparse.TensorDelta;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.ParameterSite;
import org.jspecify.annotations.Nullable;

/**
 * M(S) ⊙ W of one weight W, a trained copy, with scores S. The mask M is 0 or 1, and its derivative
 * by S is taken to be 1 (a straight-through estimator), so that
 *
 * <pre>∂L/∂S = ∂L/∂(M ⊙ W) ⊙ W,   ∂L/∂W = ∂L/∂(M ⊙ W) ⊙ M</pre>
 *
 * <p>Files hold the entries that are kept, as {@link KeptWeight} has them, which is what is loaded.
 */
final class PrunedWeight extends TensorDelta {

  /** The end of the scores' key. */
  static final String SCORES = ".mask_scores";

  /** Not a product: a negative weight would become minus zero, which takes as much space. */
  private static final Kernel MASKED =
      Kernel.of(
          """
          def masked(w: Tensor, kept: Tensor) -> Tensor:
              return torch.masked_fill(w, torch.logical_not(kept), 0)
          """);

  private static final Kernel STRAIGHT =
      Kernel.of(
          """
          def straight(w: Tensor, kept: Tensor, s: Tensor) -> Tensor:
              return torch.mul(w, torch.add(kept.to(w.dtype), torch.sub(s, torch.detach(s))))
          """);

  /** z = clamp(σ(…) (r - l) + l, 0, 1) with l = -0.1 and r = 1.1. */
  private static final String STRETCH =
      """
      def stretched(z: Tensor) -> Tensor:
          return torch.clamp(torch.add(torch.mul(z, 1.2), -0.1), 0, 1)
      """;

  private static final Kernel GATED =
      Kernel.of(
          STRETCH
              + """

              def gated(w: Tensor, s: Tensor) -> Tensor:
                  z = stretched(torch.sigmoid(s))
                  return torch.masked_fill(torch.mul(w, z), torch.eq(z, 0), 0)
              """);

  /** The same with u uniform in (0, 1), and a temperature of 2/3. */
  private static final Kernel DRAWN =
      Kernel.of(
          STRETCH
              + """

              def drawn(w: Tensor, s: Tensor) -> Tensor:
                  u = torch.clamp(torch.rand_like(torch.detach(s)), 0.0001, 0.9999)
                  noise = torch.add(torch.log(u), torch.log(torch.rsub(u, 1)), alpha=-1)
                  return torch.mul(w, stretched(torch.sigmoid(torch.mul(torch.add(noise, s), 1.5))))
              """);

  /** λ times the mean of σ(S - shift). */
  private static final Kernel PENALTY =
      Kernel.of(
          """
          def penalty(s: Tensor, weight: Tensor) -> Tensor:
              mean = torch.mean(torch.sigmoid(torch.add(s, {shift})))
              return torch.mul(mean, weight.to(s.dtype))
          """);

  private static final Kernel CAST =
      Kernel.of(
          """
          def cast(x: Tensor, like: Tensor) -> Tensor:
              return x.to(like.dtype)
          """);

  private final ParameterSite site;
  private final PruningMethod method;
  private final Trainable weight;
  private final @Nullable Trainable scores;
  private final Trainable kept;
  private final @Nullable Kernel penalty;
  private @Nullable Pruner pruner;
  private @Nullable NDArray now;
  private @Nullable NDArray last;
  private boolean training;

  /**
   * Creates a layer that keeps everything until it is trained.
   *
   * @param start the scores' initial values, of W's shape; null for magnitude pruning
   */
  PrunedWeight(
      ParameterSite site, PruningConfig config, Initializer initial, @Nullable NDArray start) {
    this.site = site;
    this.method = config.pruningMethod();
    String own = KeptWeight.ownName(site);
    this.weight = trainable(own + KeptWeight.VALUES, initial.copy(site));
    this.kept =
        buffer(own + KeptWeight.KEPT, weight.value().getManager().create(new int[1], new Shape(1)));
    this.scores = start == null ? null : unsaved(own + SCORES, start);
    Regularization kind = config.regularization();
    double shift = kind == Regularization.L0 ? -2.0 / 3 * Math.log(0.1 / 1.1) : 0;
    this.penalty = kind == null ? null : PENALTY.with("shift", shift);
  }

  /** Tells who decides about masks. */
  void prunedBy(Pruner decider) {
    pruner = decider;
  }

  ParameterSite site() {
    return site;
  }

  /** What the mask is made of: S or |W|. */
  NDArray ranking() {
    return scores == null ? weight.value().abs() : scores.value();
  }

  /** Sets the mask of the next steps, which the layer owns from now on; null keeps all. */
  void keepNow(@Nullable NDArray mask) {
    now = replace(now, mask);
  }

  /** Sets the mask of inference, which the layer owns from now on; null if it is not known. */
  void keepLast(@Nullable NDArray mask) {
    last = replace(last, mask);
  }

  /** Whether the mask of inference is known. */
  boolean knowsLast() {
    return last != null;
  }

  private static @Nullable NDArray replace(@Nullable NDArray before, @Nullable NDArray mask) {
    if (before != null) {
      before.close();
    }
    return mask == null ? null : Scope.release(mask);
  }

  @Override
  public void onTraining(boolean trains) {
    training = trains;
    if (trains && pruner != null) {
      pruner.begin();
    }
  }

  @Override
  protected NDArray changed(NDArray frozen) {
    return CAST.call(effective(), frozen);
  }

  /** M ⊙ W. */
  NDArray effective() {
    Trainable s = scores;
    if (training) {
      return s == null
          ? masked(now)
          : method == PruningMethod.L0
              ? DRAWN.call(weight.value(), s.value())
              : STRAIGHT.call(weight.value(), now == null ? ones() : now, s.value());
    }
    if (pruner == null || !pruner.hasBegun()) {
      return weight.value();
    }
    if (s != null && method == PruningMethod.L0) {
      return GATED.call(weight.value(), s.value());
    }
    pruner.cut();
    return masked(last);
  }

  private NDArray masked(@Nullable NDArray mask) {
    return mask == null ? weight.value() : MASKED.call(weight.value(), mask);
  }

  private NDArray ones() {
    return Tensors.onesLike(weight.value());
  }

  @Override
  public @Nullable NDArray penalty() {
    Trainable s = scores;
    if (penalty == null || s == null || pruner == null) {
      return null;
    }
    return penalty.call(s.value(), s.value().getManager().create(pruner.penaltyWeight()));
  }

  /** The entries that are not zero; the first one if there are none. */
  @Override
  public NDArray stored(Trainable tensor) {
    float[] values = Tensors.floats(effective());
    return tensor == kept
        ? KeptWeight.kept(values, weight.value().getManager())
        : KeptWeight.values(values, weight.value().getManager());
  }

  @Override
  public void close() {
    super.close();
    keepNow(null);
    keepLast(null);
  }
}
