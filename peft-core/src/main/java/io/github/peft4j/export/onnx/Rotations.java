package io.github.peft4j.export.onnx;

import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.rope.RopeSpec;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Rotary positions: the cosines and sines of each kind, which all layers share. */
final class Rotations {

  private final ModelConfig config;
  private final Nodes nodes;
  private final Text text;
  private final Map<RopeSpec, Rotation> known = new HashMap<>();

  /** Cosines and sines by position: (T, r), r even. */
  private record Rotation(String cosine, String sine, int dimensions) {}

  Rotations(ModelConfig config, Nodes nodes, Text text) {
    this.config = config;
    this.nodes = nodes;
    this.text = text;
  }

  /** Rotates the first r of d dimensions: (B, H, T, d). */
  String apply(RopeSpec spec, String x) {
    Rotation rotation = known.get(spec);
    if (rotation == null) {
      rotation = rotation(spec);
      known.put(spec, rotation);
    }
    int rotated = rotation.dimensions();
    if (rotated == spec.head()) {
      return turned(x, rotation);
    }
    List<String> parts = nodes.split(x, rotated, spec.head() - rotated);
    return nodes.joined(turned(parts.get(0), rotation), parts.get(1));
  }

  /** x cos + (-x₂, x₁) sin. */
  private String turned(String x, Rotation by) {
    int half = by.dimensions() / 2;
    List<String> halves = nodes.split(x, half, half);
    String across = nodes.joined(nodes.op("Neg", halves.get(1)), halves.get(0));
    return nodes.add(nodes.mul(x, by.cosine()), nodes.mul(across, by.sine()));
  }

  private Rotation rotation(RopeSpec spec) {
    if (spec.scaling().regime(0) != spec.scaling().regime(Long.MAX_VALUE)) {
      throw Refusal.of(config, "rotary positions that depend on the length of the text");
    }
    float[] frequencies = spec.scaling().frequencies(spec.theta(), spec.dimensions(), 1);
    String place = nodes.toFloat(nodes.unsqueeze(text.places(), 1));
    String half = nodes.mul(place, nodes.numbers(frequencies, frequencies.length));
    String angles = nodes.joined(half, half);
    double factor = spec.scaling().attentionFactor();
    return new Rotation(
        nodes.scaled(nodes.op("Cos", angles), factor),
        nodes.scaled(nodes.op("Sin", angles), factor),
        2 * frequencies.length);
  }
}
