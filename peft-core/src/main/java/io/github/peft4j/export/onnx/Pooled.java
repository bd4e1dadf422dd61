package io.github.peft4j.export.onnx;

import java.util.Map;

/** One state for each text out of those of its tokens: (B, T, D) → (B, D). */
record Pooled(Nodes nodes, Text text) {

  /** The state of the first place. */
  String first(String x) {
    return nodes.op("Gather", Map.of("axis", 1L), x, nodes.integer(0));
  }

  /** The state of the last token that counts; without one, that of the first place. */
  String last(String x, String counting) {
    String places = nodes.mul(nodes.toInteger(counting), text.places());
    String last = nodes.op("ArgMax", Map.of("axis", 1L, "keepdims", 1L), places); // (B, 1)
    return nodes.op("GatherND", Map.of("batch_dims", 1L), x, last);
  }

  /** The mean of the states of the tokens that are no padding. */
  String mean(String x) {
    String real = nodes.toFloat(nodes.unsqueeze(text.isReal(), 2));
    return nodes.op("Div", sum(nodes.mul(x, real)), sum(real));
  }

  private String sum(String x) {
    return nodes.op("ReduceSum", Map.of("keepdims", 0L), x, nodes.integers(1));
  }
}
