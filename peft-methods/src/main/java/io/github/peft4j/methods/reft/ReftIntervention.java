package io.github.peft4j.methods.reft;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Dropout;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.injection.Sites;
import org.jspecify.annotations.Nullable;

/**
 * u(h) = h + Rᵀ (f(W h + b) − R h) at the first and last tokens of a text, with W [r, D], b [r] and R
 * [r, D]. Without {@code subtract_projection}, R h is left out. First and last tokens have tensors
 * of their own, unless these are tied. A token that is among both is changed as one of the last.
 */
final class ReftIntervention extends TunerLayer<NDArray, NDArray> {

  private static final Kernel SUBTRACTING =
      Kernel.of(
          """
          def intervene(h: Tensor, w: Tensor, b: Tensor, r: Tensor) -> Tensor:   # h (B, T, D)
              p = r.to(h.dtype)
              x = torch.linear(h, w.to(h.dtype), b.to(h.dtype))                  # (B, T, r)
              source = torch.sub({f}, torch.linear(h, p))
              return torch.add(h, torch.matmul(source, p))
          """);
  private static final Kernel ADDING =
      Kernel.of(
          """
          def intervene(h: Tensor, w: Tensor, b: Tensor, r: Tensor) -> Tensor:
              x = torch.linear(h, w.to(h.dtype), b.to(h.dtype))
              return torch.add(h, torch.matmul({f}, r.to(h.dtype)))
          """);
  private static final Kernel WHERE =
      Kernel.of(
          """
          def where(at: Tensor, u: Tensor, h: Tensor) -> Tensor:                 # at (B, T, 1)
              return torch.where(at, u, h)
          """);

  /** The tensors of one kind of token. */
  private record Unit(Trainable w, Trainable b, Projection r) {}

  private final Positions positions;
  private final Unit ofFirst;
  private final Unit ofLast;
  private final Kernel intervene;
  private final double dropout;

  /**
   * Creates the intervention after one layer.
   *
   * @param d D
   */
  ReftIntervention(ReftConfig config, long d, Sites sites) {
    this.positions = new Positions(config.prefixPositions(), config.suffixPositions());
    this.ofFirst = unit("units.0", config, d, sites);
    this.ofLast = config.tiedWeights() ? ofFirst : unit("units.1", config, d, sites);
    this.intervene =
        (config.subtractProjection() ? SUBTRACTING : ADDING)
            .with("f", config.nonLinearity() == null ? "x" : config.nonLinearity().expression());
    this.dropout = config.dropout();
  }

  private Unit unit(String module, ReftConfig config, long d, Sites sites) {
    long r = config.r();
    String source = module + ".learned_source.";
    String projection = module + ".projection";
    return new Unit(
        trainable(source + "weight", sites.initial().kaimingUniform(r, d)),
        trainable(source + "bias", sites.initial().uniform(1 / Math.sqrt((double) d), r)),
        config.orthogonality()
            ? Projection.orthogonal(projection, r, d, declarations(), sites)
            : Projection.free(projection, r, d, declarations(), sites));
  }

  @Override
  public String whyOneTextPerRow() {
    return "ReFT changes the first and last tokens of a row";
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) {
    NDArray h = base.forward(x);
    ForwardContext context = base.context();
    NDArray first = positions.ofFirst(h, context);
    NDArray last = positions.ofLast(h, context);
    NDArray changed = first == null ? h : WHERE.call(first, changed(h, ofFirst, context), h);
    return last == null ? changed : WHERE.call(last, changed(h, ofLast, context), changed);
  }

  /** u(h). */
  private NDArray changed(NDArray h, Unit unit, ForwardContext context) {
    NDArray u =
        intervene.call(h, unit.w.value(), unit.b.value(), unit.r.of(context));
    return isTraining(context) && dropout > 0 ? Dropout.of(dropout).call(u) : u;
  }
}
