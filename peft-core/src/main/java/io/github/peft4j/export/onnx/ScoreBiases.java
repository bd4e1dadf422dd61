package io.github.peft4j.export.onnx;

import io.github.peft4j.transformer.block.Alibi;
import io.github.peft4j.transformer.block.RelativePositions;
import io.github.peft4j.transformer.family.ScoreBiasSpec;
import io.github.peft4j.transformer.family.StackSpec;
import java.util.List;

/** What positions add to the scores of all layers, with the mask: (B, H, T, T). */
record ScoreBiases(StackSpec stack, Nodes nodes, Weights weights, Text text) {

  String of(ScoreBiasSpec spec) {
    String bias =
        spec instanceof ScoreBiasSpec.Relative relative
            ? relative(relative)
            : alibi((ScoreBiasSpec.Alibi) spec);
    return nodes.add(bias, text.bias(stack.causal(), null));
  }

  /** A learned number for each head and distance: (1, H, T, T). */
  private String relative(ScoreBiasSpec.Relative spec) {
    long[] buckets = RelativePositions.buckets(spec.buckets(), spec.farthest(), spec.bothWays());
    String values = weights.embedding(spec.table(), new Distances(nodes, text).values(buckets));
    return nodes.unsqueeze(nodes.transpose(values, 2, 0, 1), 0);
  }

  /** The slope of a head times the place of a key among the tokens: (B, H, 1, T). */
  private String alibi(ScoreBiasSpec.Alibi spec) {
    List<Float> all = Alibi.slopes(stack.sizes().heads());
    float[] slopes = new float[all.size()];
    for (int i = 0; i < slopes.length; i++) {
      slopes[i] = all.get(i);
    }
    String real = text.isReal();
    String places = nodes.op("Sub", text.counts(real), nodes.toInteger(real));
    String keys = nodes.unsqueeze(nodes.toFloat(places), 1, 2); // (B, 1, 1, T)
    String byHead = rounded(nodes.numbers(slopes, 1, slopes.length, 1, 1), spec);
    return nodes.scaled(rounded(nodes.mul(byHead, keys), spec), spec.scale());
  }

  /** Rounded to bfloat16, if the model is so. */
  private String rounded(String x, ScoreBiasSpec.Alibi spec) {
    return spec.isRounded() ? nodes.toFloat(nodes.toBfloat16(x)) : x;
  }
}
