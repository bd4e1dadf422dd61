package io.github.peft4j.export.onnx;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The inputs of a graph and what is computed of them alone: positions, and which keys a query sees.
 */
final class Text {

  static final String IDS = "input_ids";
  static final String MASK = "attention_mask";
  static final String TYPES = "token_type_ids";

  /** As the kernels have it: below all scores, and finite when some of them are added. */
  private static final double LOWEST = -3.3895313892515355e38;

  private final Nodes nodes;
  private final Map<String, String> biases = new HashMap<>();
  private @Nullable String places;
  private @Nullable String distances;

  Text(Nodes nodes) {
    this.nodes = nodes;
  }

  /** 0 … T - 1: (T). */
  String places() {
    if (places == null) {
      String length = nodes.op("Squeeze", nodes.op("Shape", Map.of("start", 1L, "end", 2L), IDS));
      places = nodes.op("Range", nodes.integer(0), length, nodes.integer(1));
    }
    return places;
  }

  /** The place of the query minus that of the key: (T, T). */
  String distances() {
    if (distances == null) {
      distances = nodes.op("Sub", nodes.unsqueeze(places(), 1), places());
    }
    return distances;
  }

  /** The number of the token in its text, from 1, among those that count; 0 for others: (B, T). */
  String counts(String counting) {
    String real = nodes.toInteger(counting);
    return nodes.mul(nodes.op("CumSum", real, nodes.integer(1)), real);
  }

  /** Whether a token is no padding, by the mask: (B, T). */
  String isReal() {
    return nodes.op("Not", isPadding());
  }

  private String isPadding() {
    return nodes.op("Equal", MASK, nodes.integer(0));
  }

  /**
   * What is added to scores: 0 where a query sees a key, and otherwise the lowest number: (B, 1, 1
   * or T, T).
   *
   * @param window see {@link io.github.peft4j.transformer.family.AttentionSpec}
   */
  String bias(boolean causal, @Nullable Integer window) {
    return biases.computeIfAbsent(
        causal + " " + window,
        key -> {
          long farthest = window == null ? Long.MAX_VALUE : causal ? window - 1L : window;
          long nearest = causal ? 0 : -farthest;
          String blocked = nodes.unsqueeze(isPadding(), 1, 2);
          if (causal || window != null) {
            blocked =
                nodes.op("Or", blocked, nodes.op("Less", distances(), nodes.integer(nearest)));
          }
          if (window != null) {
            blocked =
                nodes.op("Or", blocked, nodes.op("Greater", distances(), nodes.integer(farthest)));
          }
          return nodes.op("Where", blocked, nodes.number(LOWEST), nodes.number(0));
        });
  }

  /** Scores that are the lowest number wherever a query or its key is padding. */
  String blinded(String scores) {
    String padding = isPadding();
    String blocked = nodes.op("Or", nodes.unsqueeze(padding, 1, 2), nodes.unsqueeze(padding, 1, 3));
    return nodes.op("Where", blocked, nodes.number(LOWEST), scores);
  }
}
