package io.github.peft4j.export.onnx;

import io.github.peft4j.embed.DenseLayer;
import io.github.peft4j.embed.EmbeddingSettings;
import io.github.peft4j.io.DType;
import java.util.Map;

/** The vector of a text as nodes: hidden states (B, T, D) → (B, D'). */
record SentenceGraph(EmbeddingSettings settings, Nodes nodes, Text text) {

  /**
   * The output with the vectors.
   *
   * @param dimension D, the size of a state
   */
  void output(String states, long dimension) {
    nodes.module("sentence");
    Pooled pooled = new Pooled(nodes, text);
    String x =
        switch (settings.pooling()) {
          case MEAN -> pooled.mean(states);
          case CLS -> pooled.first(states);
          case LAST_TOKEN -> pooled.last(states, text.isReal());
        };
    long size = dimension;
    for (DenseLayer layer : settings.dense()) {
      x = dense(layer, x);
      size = layer.out();
    }
    nodes.output(
        settings.normalized() ? normalized(x) : x,
        "sentence_embedding",
        DType.F32,
        HeadGraph.BATCH,
        String.valueOf(size));
  }

  private String dense(DenseLayer layer, String x) {
    String weight = nodes.numbers(layer.weight(), layer.out(), layer.in());
    String mapped = nodes.op("MatMul", x, nodes.transpose(weight, 1, 0));
    float[] bias = layer.bias();
    String y = bias == null ? mapped : nodes.add(mapped, nodes.numbers(bias, layer.out()));
    return ActivationNodes.apply(layer.activation(), y, nodes);
  }

  /** x / |x|. */
  private String normalized(String x) {
    String square =
        nodes.op("ReduceSum", Map.of("keepdims", 1L), nodes.mul(x, x), nodes.integers(1));
    String length = nodes.op("Max", nodes.op("Sqrt", square), nodes.number(1e-12));
    return nodes.op("Div", x, length);
  }
}
