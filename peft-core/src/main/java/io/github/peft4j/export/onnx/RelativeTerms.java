package io.github.peft4j.export.onnx;

import io.github.peft4j.transformer.block.RelativeVectors;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.family.AttentionSpec;
import io.github.peft4j.transformer.family.DisentangledSpec;
import io.github.peft4j.transformer.family.NormSpec;
import io.github.peft4j.transformer.family.Sizes;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The terms of disentangled attention, as {@link
 * io.github.peft4j.transformer.block.DisentangledScores} has them.
 *
 * @param vectors of relative positions (1, 2k, D), which all layers share; null without terms
 * @param places δ of each query and key (T, T); null without terms
 */
record RelativeTerms(
    Nodes nodes,
    Weights weights,
    Text text,
    Sizes sizes,
    @Nullable String vectors,
    @Nullable String places) {

  /** The terms of a stack; null if it has none. */
  static @Nullable RelativeTerms of(
      ModelConfig config,
      Nodes nodes,
      Weights weights,
      Text text,
      Sizes sizes,
      NormSpec norm,
      @Nullable DisentangledSpec spec) {
    if (spec == null) {
      return null;
    }
    if (spec.table() == null) {
      return new RelativeTerms(nodes, weights, text, sizes, null, null);
    }
    long[] places =
        RelativeVectors.places(spec.span(), spec.farthest())
            .orElseThrow(() -> Refusal.of(config, "too many relative positions for a table"));
    String table = weights.tensor(spec.table() + ".weight");
    String normed = spec.norm() == null ? table : weights.norm(spec.norm(), norm, table);
    return new RelativeTerms(
        nodes,
        weights,
        text,
        sizes,
        nodes.unsqueeze(normed, 0),
        new Distances(nodes, text).values(places));
  }

  /**
   * Adds the terms to a bias: (B, H, T, T), or (B, 1, T, T) without terms.
   *
   * @param module the attention's full name
   * @param q queries (B, H, T, d)
   * @param k keys (B, H, T, d)
   * @param products of both, for their shape (B, H, T, T)
   */
  String add(
      AttentionSpec attention,
      String module,
      double scale,
      String q,
      String k,
      String products,
      String bias) {
    DisentangledSpec spec = Objects.requireNonNull(attention.disentangled());
    String sum = bias;
    if (places != null && spec.contentToPosition()) {
      String keys = ofPositions(module, spec.key(), attention.projections().get(1));
      sum = nodes.add(sum, at(places, q, keys, products, scale));
    }
    if (places != null && spec.positionToContent()) {
      String queries = ofPositions(module, spec.query(), attention.projections().get(0));
      String back = at(nodes.transpose(places, 1, 0), k, queries, products, scale);
      sum = nodes.add(sum, nodes.transpose(back, 0, 1, 3, 2));
    }
    return text.blinded(sum);
  }

  /** Queries or keys of relative positions (1, H, 2k, d), by a map of their own or the tokens'. */
  private String ofPositions(String module, @Nullable String own, String ofTokens) {
    String vectors = Objects.requireNonNull(vectors());
    String mapped = weights.linear(module + "." + (own == null ? ofTokens : own), vectors);
    return nodes.transpose(nodes.reshape(mapped, 0, 0, -1, sizes.head()), 0, 2, 1, 3);
  }

  /** x · r_δ for each query and key: (B, H, T, T). */
  private String at(String places, String x, String r, String products, double scale) {
    String all = nodes.op("MatMul", x, nodes.transpose(r, 0, 1, 3, 2)); // (B, H, T, 2k)
    String index = nodes.op("Expand", places, nodes.op("Shape", products));
    return nodes.scaled(nodes.op("GatherElements", Map.of("axis", 3L), all, index), scale);
  }
}
