package io.github.peft4j.methods.reft;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Dropout;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.methods.bottleneck.fields.NonLinearity;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.LayerSite;
import java.util.List;

/**
 * u(h) = h + Rᵀ (f(W h + b) − R h) at the first and last tokens of a text, with W [r, D], b [r] and
 * R [r, D]. Without {@code subtract_projection}, R h is left out. First and last tokens have
 * tensors of their own, unless these are tied. A token that is among both is changed as one of the
 * last.
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
  private final List<Unit> units;
  private final Kernel intervene;
  private final double dropout;

  /**
   * Creates the intervention after one layer.
   *
   * @param site the layer
   */
  ReftIntervention(ReftConfig config, LayerSite site, Sites sites) {
    int first = config.prefixPositions();
    int last = config.suffixPositions();
    this.positions = new Positions(first, last);
    this.units =
        config.tiedWeights()
            ? List.of(unit("units.0", true, config, site, sites))
            : List.of(
                unit("units.0", first > 0, config, site, sites),
                unit("units.1", last > 0, config, site, sites));
    NonLinearity f = config.nonLinearity();
    this.intervene =
        (config.subtractProjection() ? SUBTRACTING : ADDING)
            .with("f", f == null ? "x" : f.expression());
    this.dropout = config.dropout();
  }

  private Unit unit(String module, boolean used, ReftConfig config, LayerSite site, Sites sites) {
    long d = site.place().dimension();
    Initializer initial = sites.initial(site);
    long r = config.r();
    ReftTensors layer = new ReftTensors(declarations(), used);
    String source = module + ".learned_source.";
    String projection = module + ".projection";
    return new Unit(
        layer.trained(source + "weight", initial.kaimingUniform(r, d)),
        layer.trained(source + "bias", initial.uniform(1 / Math.sqrt((double) d), r)),
        config.orthogonality()
            ? new OrthogonalProjection(projection, r, d, layer, sites)
            : free(layer.trained(projection + ".weight", initial.kaimingUniform(r, d))));
  }

  /** An R that is trained as it is. */
  private static Projection free(Trainable weight) {
    return context -> weight.value();
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
    NDArray changed = first == null ? h : WHERE.call(first, changed(h, units.get(0), context), h);
    return last == null
        ? changed
        : WHERE.call(last, changed(h, units.get(units.size() - 1), context), changed);
  }

  @Override
  public void loaded(boolean all) {
    units.forEach(unit -> unit.r.loaded());
  }

  @Override
  public NDArray stored(Trainable tensor) {
    NDArray stored = tensor.value();
    for (Unit unit : units) {
      NDArray other = unit.r.stored(tensor);
      stored = other == tensor.value() ? stored : other;
    }
    return stored;
  }

  @Override
  public void close() {
    super.close();
    units.forEach(unit -> unit.r.close());
  }

  /** u(h). */
  private NDArray changed(NDArray h, Unit unit, ForwardContext context) {
    NDArray u = intervene.call(h, unit.w.value(), unit.b.value(), unit.r.of(context));
    return isTraining(context) && dropout > 0 ? Dropout.of(dropout).call(u) : u;
  }
}
