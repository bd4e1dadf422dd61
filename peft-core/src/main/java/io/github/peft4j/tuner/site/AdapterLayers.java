package io.github.peft4j.tuner.site;

import io.github.peft4j.tuner.Nested;
import io.github.peft4j.tuner.TrainableCopy;
import io.github.peft4j.tuner.TunerLayer;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The layers of one adapter by site. The model does not refer to them; each forward pass brings its
 * adapters. It is filled while the adapter is created and only read afterwards.
 */
public final class AdapterLayers {

  private final Map<Site<?, ?>, TunerLayer<?, ?>> layers = new LinkedHashMap<>();

  /**
   * Adds a layer.
   *
   * @throws IllegalStateException if the site has one already
   */
  public <I, O> void put(Site<I, O> site, TunerLayer<I, O> layer) {
    TunerLayer<?, ?> present = layers.putIfAbsent(site, layer);
    if (present != null) {
      throw new IllegalStateException(
          "an adapter rewrites " + site.name() + " twice: " + present + " and " + layer);
    }
  }

  /**
   * Adds a layer below the present one of a site: it becomes part of the present layer's {@code
   * base}.
   */
  public <I, O> void nest(Site<I, O> site, TunerLayer<I, O> inner) {
    TunerLayer<I, O> outer = at(site);
    if (outer != null) {
      layers.put(site, new Nested<>(inner, outer));
    }
  }

  /**
   * The layers of several parts of an adapter. At a site where several have one, a later layer
   * takes the earlier one for its base.
   *
   * @throws IllegalArgumentException if two parts replace the same tensor
   */
  public static AdapterLayers of(List<AdapterLayers> parts) {
    if (parts.size() == 1) {
      return parts.get(0);
    }
    AdapterLayers all = new AdapterLayers();
    parts.forEach(part -> part.layers.keySet().forEach(site -> all.stack(site, part)));
    return all;
  }

  private <I, O> void stack(Site<I, O> site, AdapterLayers part) {
    TunerLayer<I, O> later = Objects.requireNonNull(part.at(site));
    TunerLayer<I, O> earlier = at(site);
    if (earlier instanceof TrainableCopy || (earlier != null && later instanceof TrainableCopy)) {
      throw new IllegalArgumentException(
          "two parts of an adapter train %s: leave it to one of them".formatted(site.name()));
    }
    layers.put(site, earlier == null ? later : new Nested<>(earlier, later));
  }

  /** The layer at a site, or null. */
  @SuppressWarnings("unchecked") // put() took them together
  public <I, O> @Nullable TunerLayer<I, O> at(Site<I, O> site) {
    return (TunerLayer<I, O>) layers.get(site);
  }

  /** All layers, in the order in which they were added. */
  public Collection<TunerLayer<?, ?>> all() {
    return Collections.unmodifiableCollection(layers.values());
  }

  /** Frees the layers' tensors. */
  public void close() {
    layers.values().forEach(TunerLayer::close);
    layers.clear();
  }
}
