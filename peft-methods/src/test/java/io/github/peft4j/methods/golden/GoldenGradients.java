package io.github.peft4j.methods.golden;

import static io.github.peft4j.methods.adapter.Closeness.largest;

import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.methods.golden.GoldenRules.Kind;
import io.github.peft4j.tuner.Trainable;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** The gradients of a case's first step by PyTorch's names, and which of them are mere rounding. */
final class GoldenGradients {

  private static final String PREFIX = "grad.";

  private final Map<String, float[]> gradients = new TreeMap<>();
  private final GoldenRules rules;
  private final double largest;

  GoldenGradients(TensorSource expected, GoldenRules rules) {
    this.rules = rules;
    for (String name : expected.names()) {
      if (name.startsWith(PREFIX)) {
        gradients.put(name.substring(PREFIX.length()), expected.floats(name));
      }
    }
    this.largest = gradients.values().stream().mapToDouble(g -> largest(g)).max().orElse(0);
  }

  Map<String, float[]> byName() {
    return gradients;
  }

  /** Whether PEFT's model computes with a tensor. */
  boolean reach(Adapter adapter, Trainable tensor) {
    return gradients.keySet().stream().anyMatch(name -> tensor(adapter, name) == tensor);
  }

  /** The elements of a tensor whose gradient is zero except for rounding, where a rule knows it. */
  List<Integer> noise(String name) {
    float[] gradient = gradients.get(name);
    if (gradient == null || rules.reason(Kind.NOISE, name).isEmpty()) {
      return List.of();
    }
    return IntStream.range(0, gradient.length)
        .filter(i -> Math.abs(gradient[i]) < 1e-6 * largest)
        .boxed()
        .toList();
  }

  /** The largest of all. */
  double largestOfAll() {
    return largest;
  }

  /** The tensor that PyTorch calls so; some of PEFT's files leave ".weight" out. */
  static @Nullable Trainable tensor(Adapter adapter, String parameter) {
    String name = parameter.replace(".modules_to_save.default", "").replace(".default", "");
    Trainable tensor = adapter.tensors().get(name);
    if (tensor == null && name.equals("prompt_encoder.embedding.weight")) {
      return adapter.tensors().get("prompt_embeddings"); // the parameter is all that is saved
    }
    if (name.endsWith(".vblora_vector_bank")) { // a parameter of the first module that reads it
      return adapter.tensors().get("base_model.vblora_vector_bank");
    }
    return tensor != null ? tensor : adapter.tensors().get(name.replaceAll("\\.weight$", ""));
  }
}
