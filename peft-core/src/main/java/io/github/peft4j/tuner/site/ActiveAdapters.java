package io.github.peft4j.tuner.site;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.tuner.Adapters;
import io.github.peft4j.tuner.Change;
import io.github.peft4j.tuner.Computation;
import io.github.peft4j.tuner.Joining;
import io.github.peft4j.tuner.Place;
import io.github.peft4j.tuner.SharedTensor;
import io.github.peft4j.tuner.Splitting;
import io.github.peft4j.tuner.TunerLayer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The adapters of a forward pass: a composition, the layers of its adapters at the time it was
 * resolved, and merged weights that replace frozen ones. It is immutable; any number of passes can
 * share it. The computation of each site is composed once.
 */
public final class ActiveAdapters implements Adapters {

  /** No adapters. */
  public static final ActiveAdapters NONE =
      new ActiveAdapters(Composition.NONE, Map.of(), List.of(), Map.of());

  private final Composition composition;
  private final Map<String, AdapterLayers> layers;
  private final IdentityHashMap<ParameterSite, NDArray> weights = new IdentityHashMap<>();
  private final IdentityHashMap<Site<?, ?>, Computation<?, ?>> computations =
      new IdentityHashMap<>();
  private final List<TunerLayer<?, ?>> all = new ArrayList<>();
  private final List<SharedTensor> shared;
  private final Map<String, Long> rowValues;

  private ActiveAdapters(
      Composition composition,
      Map<String, AdapterLayers> layers,
      List<Site<?, ?>> sites,
      Map<ParameterSite, NDArray> weights) {
    this.composition = composition;
    this.layers = layers;
    weights.forEach(this.weights::put);
    sites.forEach(this::compose);
    this.shared = all.stream().flatMap(layer -> layer.shared().stream()).distinct().toList();
    this.rowValues = Map.of();
  }

  private ActiveAdapters(ActiveAdapters same, Map<String, Long> rowValues) {
    this.composition = same.composition;
    this.layers = same.layers;
    this.weights.putAll(same.weights);
    this.computations.putAll(same.computations);
    this.all.addAll(same.all);
    this.shared = same.shared;
    this.rowValues = Map.copyOf(rowValues);
  }

  /** The same adapters, for calls in which all rows have these numbers. */
  public ActiveAdapters with(Map<String, Long> rowValues) {
    return rowValues.isEmpty() ? this : new ActiveAdapters(this, rowValues);
  }

  /** By name, a number that all rows have unless the input says otherwise, such as their task. */
  public Map<String, Long> rowValues() {
    return rowValues;
  }

  /**
   * Resolves a composition.
   *
   * @param layers the layers of each adapter in the composition, by adapter name
   * @param sites of the model
   * @throws IllegalArgumentException if layers cannot be composed in this way; the message names
   *     them
   */
  public static ActiveAdapters of(
      Composition composition, Map<String, AdapterLayers> layers, List<Site<?, ?>> sites) {
    Map<String, AdapterLayers> named =
        composition.adapters().stream()
            .collect(
                Collectors.toMap(name -> name, name -> Objects.requireNonNull(layers.get(name))));
    return composition == Composition.NONE
        ? NONE
        : new ActiveAdapters(composition, named, sites, Map.of());
  }

  /**
   * No adapters, but merged weights.
   *
   * @param weights merged weights by the parameter that each replaces
   */
  public static ActiveAdapters merged(Map<ParameterSite, NDArray> weights) {
    return new ActiveAdapters(Composition.NONE, Map.of(), List.of(), weights);
  }

  private <I, O> void compose(Site<I, O> site) {
    Computation<I, O> composed = composition.over(new Here<>(site), site.base());
    if (composed != site.base()) {
      computations.put(site, composed);
    }
    all.addAll(at(site));
  }

  /** The composition. */
  public Composition composition() {
    return composition;
  }

  @Override
  @SuppressWarnings("unchecked") // compose() put them together
  public <I, O> Computation<I, O> computation(Object site, Computation<I, O> base) {
    Computation<?, ?> composed = computations.get(site);
    return composed == null ? base : (Computation<I, O>) composed;
  }

  /** Whether an adapter has a layer at a site or at a tensor that the site reads. */
  public boolean rewrites(Site<?, ?> site) {
    return computations.containsKey(site);
  }

  @Override
  public NDArray weight(Object parameter, NDArray frozen) {
    NDArray merged = weights.get(parameter);
    return merged == null ? frozen : merged;
  }

  /** The layers at a site, the innermost first. */
  public <I, O> List<TunerLayer<I, O>> at(Site<I, O> site) {
    return composition.adapters().stream()
        .map(name -> layer(name, site))
        .filter(Objects::nonNull)
        .flatMap(layer -> layer.layers().stream())
        .toList();
  }

  /**
   * The possible sequences of layers for one row of a batch at a site, see {@link
   * Composition#lineups}.
   */
  <I, O> List<List<TunerLayer<I, O>>> lineups(Site<I, O> site) {
    return composition.lineups().stream().map(names -> lineup(names, site)).toList();
  }

  private <I, O> List<TunerLayer<I, O>> lineup(List<String> names, Site<I, O> site) {
    return names.stream()
        .map(name -> layer(name, site))
        .filter(Objects::nonNull)
        .flatMap(layer -> layer.layers().stream())
        .toList();
  }

  private <I, O> @Nullable TunerLayer<I, O> layer(String adapter, Site<I, O> site) {
    AdapterLayers own = layers.get(adapter);
    return own == null ? null : own.at(site);
  }

  /** All layers, in the model's order. */
  public Collection<TunerLayer<?, ?>> all() {
    return all;
  }

  /** Whether a layer at one of these sites needs a gradient. */
  public boolean trains(Stream<Site<?, ?>> sites) {
    return sites.anyMatch(site -> at(site).stream().anyMatch(TunerLayer::trains));
  }

  /** Whether no layer is at one of these sites. */
  public boolean leaveAlone(Stream<Site<?, ?>> sites) {
    return sites.allMatch(site -> at(site).isEmpty());
  }

  /**
   * Whether the layers at these sites compute {@linkplain TunerLayer#isMadeOfKernels by kernels}.
   */
  public boolean areMadeOfKernels(Stream<Site<?, ?>> sites) {
    return sites.allMatch(site -> at(site).stream().allMatch(TunerLayer::isMadeOfKernels));
  }

  /** Whether all layers are {@linkplain TunerLayer#isRepeatable repeatable}, and rows are alike. */
  public boolean isRepeatable() {
    return !composition.isByRow()
        && composition.replicas() == 1
        && all.stream().allMatch(TunerLayer::isRepeatable);
  }

  /** The tensors that the layers read and that are computed once per pass. */
  public List<SharedTensor> shared() {
    return shared;
  }

  /** A site with its layers. */
  private final class Here<I, O> implements Place<I, O> {

    private final Site<I, O> site;

    Here(Site<I, O> site) {
      this.site = site;
    }

    @Override
    public String name() {
      return site.name();
    }

    @Override
    public @Nullable Change<I, O> change(String adapter) {
      return layer(adapter, site);
    }

    @Override
    public boolean reads(String adapter) {
      AdapterLayers own = layers.get(adapter);
      return own != null && site.reads(parameter -> own.at(parameter) != null);
    }

    @Override
    public Splitting<I> inputs() {
      return site.inputs(this::describe);
    }

    @Override
    public Joining<O> outputs() {
      return site.outputs();
    }

    /** The layers here, for messages: {@code a: LoraLinear, b: LoraLinear}. */
    private String describe() {
      return composition.adapters().stream()
          .filter(name -> layer(name, site) != null)
          .map(name -> name + ": " + kind(layer(name, site)))
          .collect(Collectors.joining(", "));
    }

    private String kind(@Nullable TunerLayer<I, O> layer) {
      return layer == null ? "none" : layer.getClass().getSimpleName();
    }
  }
}
