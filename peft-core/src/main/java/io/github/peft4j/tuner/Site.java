package io.github.peft4j.tuner;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * One computation of the frozen model that adapters may rewrite.
 *
 * @param <I> what goes in
 * @param <O> what comes out
 */
public abstract class Site<I, O> implements Forward<I, O>, Place<I, O> {

  private final String name;
  private final Map<String, TunerLayer<I, O>> layers = new LinkedHashMap<>();
  private Composition composition = Composition.NONE;
  private Forward<I, O> active;

  /**
   * Creates a site.
   *
   * @param name the Hugging Face module name, for example {@code model.layers.0.self_attn.q_proj}
   * @param base what the frozen model computes here
   */
  protected Site(String name, Forward<I, O> base) {
    this.name = name;
    this.base = base;
    this.active = base;
  }

  private final Forward<I, O> base;

  /** The Hugging Face module name. */
  @Override
  public final String name() {
    return name;
  }

  /** What the frozen model computes here, without any adapter. */
  public final Forward<I, O> base() {
    return base;
  }

  /** Computes the site with the adapters that are active. */
  @Override
  public final O forward(I input) {
    return active.forward(input);
  }

  /**
   * Adds one adapter's layer.
   *
   * @throws IllegalStateException if the adapter has a layer here already
   */
  public final void rewrite(String adapter, TunerLayer<I, O> layer) {
    TunerLayer<I, O> present = layers.putIfAbsent(adapter, layer);
    if (present != null) {
      throw new IllegalStateException(
          "adapter '" + adapter + "' rewrites " + name + " twice: " + present + " and " + layer);
    }
    activate(composition);
  }

  /** Adds a layer of one adapter below the one that it has here, which takes it for the base. */
  final void nest(String adapter, TunerLayer<I, O> inner) {
    layers.computeIfPresent(adapter, (name, outer) -> new Nested<>(inner, outer));
    activate(composition);
  }

  /** Calls an adapter otherwise; its layer keeps its place among those of others. */
  public final void rename(String adapter, String other) {
    Map<String, TunerLayer<I, O>> present = new LinkedHashMap<>(layers);
    layers.clear();
    present.forEach((name, layer) -> layers.put(name.equals(adapter) ? other : name, layer));
  }

  /** Takes one adapter's layer out, without closing it; null if there is none. */
  public final @Nullable TunerLayer<I, O> restore(String adapter) {
    TunerLayer<I, O> layer = layers.remove(adapter);
    activate(composition);
    return layer;
  }

  @Override
  public final @Nullable TunerLayer<I, O> change(String adapter) {
    return layer(adapter);
  }

  /** One adapter's layer, or null. */
  public final @Nullable TunerLayer<I, O> layer(String adapter) {
    return layers.get(adapter);
  }

  /** What adapters do here, for messages: {@code a: LoraLinear, b: LoraLinear}. */
  protected final String layersByAdapter() {
    return layers.entrySet().stream()
        .map(entry -> entry.getKey() + ": " + entry.getValue().getClass().getSimpleName())
        .collect(Collectors.joining(", "));
  }

  /** The layers of all adapters, active or not. */
  public final Collection<TunerLayer<I, O>> layers() {
    return layers.values();
  }

  /**
   * Sets which adapters are at work here.
   *
   * @throws IllegalArgumentException if their layers cannot be composed so, saying which
   */
  public final void activate(Composition composition) {
    this.active = composition.over(this, base);
    this.composition = composition;
  }

  /** Which adapters are at work here. */
  protected final Composition composition() {
    return composition;
  }

  /** Whether an active adapter has a layer here. */
  public final boolean isRewritten() {
    return active != base;
  }

  /** Whether a gradient is wanted by an active layer here. */
  public final boolean trains() {
    return isRewritten() && activeLayers().stream().anyMatch(TunerLayer::trains);
  }

  /** What the active layers here read that is computed once a run. */
  public final Stream<Shared> shared() {
    return activeLayers().stream().flatMap(layer -> layer.shared().stream());
  }

  /** The layers that are at work here, the innermost first. */
  public final List<TunerLayer<I, O>> activeLayers() {
    return composition.adapters().stream().map(layers::get).filter(Objects::nonNull).toList();
  }

  /** Tells every layer whether a training step is running. */
  public final void setTraining(boolean training) {
    layers.values().forEach(layer -> layer.setTraining(training));
  }

  /** The tensor that a {@link Mergeable} layer here is merged into, or null if there is none. */
  public @Nullable ParameterSite weightSite() {
    return null;
  }

  /**
   * The tensor that layers here are merged into.
   *
   * @throws IllegalStateException if there is none
   */
  public final ParameterSite weightSiteRequired() {
    ParameterSite weight = weightSite();
    if (weight == null) {
      throw new IllegalStateException(this + " has no weight to merge into");
    }
    return weight;
  }

  @Override
  public String toString() {
    return getClass().getSimpleName() + " " + name;
  }
}
