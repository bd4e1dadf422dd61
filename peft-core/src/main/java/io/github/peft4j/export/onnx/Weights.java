package io.github.peft4j.export.onnx;

import io.github.peft4j.io.DType;
import io.github.peft4j.io.TensorData;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.onnx.OnnxWriter;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.family.NormSpec;
import io.github.peft4j.tuner.site.LinearSite;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * The tensors of a model as constants of a graph, under their own names, and what is computed with
 * them. A tensor is written once, in its own type; the graph computes in 32 bits.
 */
final class Weights {

  private final Nodes nodes;
  private final OnnxWriter writer;
  private final Map<String, Tensor> tensors;
  private final Map<String, LinearSite> maps = new HashMap<>();
  private final Map<String, String> used = new LinkedHashMap<>();

  /** A tensor and its bytes. */
  record Tensor(TensorInfo info, TensorData data) {}

  /**
   * Creates the weights of a graph.
   *
   * @param tensors the model's, by name; those that are views of others are left out
   */
  Weights(Nodes nodes, OnnxWriter writer, TransformerModel model, Map<String, Tensor> tensors) {
    this.nodes = nodes;
    this.writer = writer;
    this.tensors = tensors;
    model
        .sites()
        .filter(LinearSite.class::isInstance)
        .map(LinearSite.class::cast)
        .forEach(map -> maps.put(map.name(), map));
  }

  boolean has(String name) {
    return tensors.containsKey(name);
  }

  /** The names of tensors that the graph does not use. */
  Set<String> unused() {
    Set<String> unused = new TreeSet<>(tensors.keySet());
    unused.removeAll(used.keySet());
    return unused;
  }

  /** A tensor, as 32-bit floats. */
  String tensor(String name) {
    return used.computeIfAbsent(name, this::constant);
  }

  private String constant(String name) {
    Tensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new IllegalStateException("the model has no tensor " + name);
    }
    writer.constant(tensor.info(), tensor.data());
    return tensor.info().dtype() == DType.F32 ? name : nodes.toFloat(name);
  }

  /** Vectors of a table: ids (…) → (…, D). */
  String embedding(String table, String ids) {
    return nodes.op("Gather", tensor(table + ".weight"), ids);
  }

  /** x Wᵀ + b, where the map has a bias: (…, in) → (…, out). */
  String linear(String name, String x) {
    LinearSite map = maps.get(name);
    if (map == null) {
      throw new IllegalStateException("the model has no linear map " + name);
    }
    String own = map.weight().name();
    String weight =
        tensor(has(own) ? own : map.table().map(table -> table.weight().name()).orElse(own));
    String y = nodes.op("MatMul", x, map.isTransposed() ? weight : nodes.transpose(weight, 1, 0));
    return map.bias().map(bias -> nodes.add(y, tensor(bias.name()))).orElse(y);
  }

  /** A norm over the last dimension. */
  String norm(String name, NormSpec spec, String x) {
    String weight = tensor(name + ".weight");
    return switch (spec.kind()) {
      case LAYER -> {
        Map<String, Object> attributes =
            Map.of("axis", -1L, "epsilon", (float) spec.epsilon(), "stash_type", 1L);
        yield spec.bias()
            ? nodes.op("LayerNormalization", attributes, x, weight, tensor(name + ".bias"))
            : nodes.op("LayerNormalization", attributes, x, weight);
      }
      case RMS -> rms(x, weight, spec);
      case RMS_ONE_PLUS -> rms(x, nodes.add(weight, nodes.number(1)), spec);
    };
  }

  /** x / √(mean of x² + ε) · w. */
  private String rms(String x, String weight, NormSpec spec) {
    String square = nodes.op("ReduceMean", Map.of("axes", new long[] {-1}), nodes.mul(x, x));
    String root = nodes.op("Sqrt", nodes.add(square, nodes.number(spec.epsilon())));
    return nodes.mul(nodes.op("Div", x, root), weight);
  }
}
