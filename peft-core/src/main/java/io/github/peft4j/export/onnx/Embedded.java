package io.github.peft4j.export.onnx;

import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.family.EmbeddingSpec;
import io.github.peft4j.transformer.family.NormSpec;
import io.github.peft4j.transformer.family.PositionSpec;

/** The first hidden states of a stack: ids (B, T) → (B, T, D). */
record Embedded(ModelConfig config, Nodes nodes, Weights weights, Text text) {

  String apply(EmbeddingSpec spec, NormSpec norm) {
    double scale = spec.tableScale() * spec.scale() * spec.textScale();
    String x = nodes.scaled(weights.embedding(spec.tokens(), Text.IDS), scale);
    if (spec.tokenProjection() != null) {
      x = weights.linear(spec.tokenProjection(), x);
    }
    if (spec.types() != null) {
      x = nodes.add(x, weights.embedding(spec.types(), Text.TYPES));
    }
    if (spec.positions() != null) {
      x = nodes.add(x, positions(spec.positions()));
    }
    if (spec.norm() != null) {
      x = weights.norm(spec.norm(), norm, x);
    }
    if (spec.zeroPadding()) {
      x = nodes.mul(x, nodes.unsqueeze(nodes.toFloat(text.isReal()), 2));
    }
    return spec.projection() == null ? x : weights.linear(spec.projection(), x);
  }

  /** The vectors of positions: (T, D), or (B, T, D) if they depend on the text. */
  private String positions(PositionSpec spec) {
    if (!(spec instanceof PositionSpec.Learned learned)) {
      throw Refusal.of(config, "positions that are sines");
    }
    long offset = learned.offset();
    String places =
        switch (learned.counting()) {
          case ALL -> nodes.add(text.places(), nodes.integer(offset));
          case UNMASKED -> counted(text.isReal(), offset);
          case NOT_PADDING -> {
            String padding = nodes.integer(offset - 1);
            yield counted(nodes.op("Not", nodes.op("Equal", Text.IDS, padding)), offset);
          }
        };
    return weights.embedding(learned.table(), places);
  }

  /** The places of tokens that count, from the offset on; that of others is before. */
  private String counted(String counting, long offset) {
    return nodes.add(text.counts(counting), nodes.integer(offset - 1));
  }
}
