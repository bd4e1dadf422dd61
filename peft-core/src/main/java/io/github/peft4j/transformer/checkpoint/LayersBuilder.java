package io.github.peft4j.transformer.checkpoint;

import io.github.peft4j.transformer.block.TransformerLayer;
import io.github.peft4j.transformer.family.LayerSpec;
import io.github.peft4j.transformer.family.StackSpec;
import io.github.peft4j.transformer.rope.RopeSpec;
import io.github.peft4j.transformer.rope.RotaryEmbedding;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;

/** Builds the layers of a stack. */
final class LayersBuilder {

  private final StackSpec spec;
  private final Weights weights;
  private final Map<String, TransformerLayer> byName = new HashMap<>();
  private final Map<RopeSpec, RotaryEmbedding> rotaries = new LinkedHashMap<>();

  LayersBuilder(StackSpec spec, Weights weights) {
    this.spec = spec;
    this.weights = weights;
  }

  /** The i-th layer, counted from 0. Layers of one name are one. */
  TransformerLayer layer(int i) {
    LayerSpec layer = spec.layer().apply(i);
    int index = byName.size();
    return byName.computeIfAbsent(
        layer.name(), name -> new LayerBuilder(spec, layer, index, weights, this::rotary).build());
  }

  /** Attentions of equal rotary positions share their tables. */
  private RotaryEmbedding rotary(RopeSpec rope) {
    return rotaries.computeIfAbsent(rope, RotaryEmbedding::new);
  }

  /** The rotary positions of the layers that have been built. */
  Collection<RotaryEmbedding> rotaries() {
    return rotaries.values();
  }
}
