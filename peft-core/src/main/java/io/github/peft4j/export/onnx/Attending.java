package io.github.peft4j.export.onnx;

import io.github.peft4j.transformer.block.QueryKeyValue.Fused;
import io.github.peft4j.transformer.family.AttentionSpec;
import io.github.peft4j.transformer.family.NormSpec;
import io.github.peft4j.transformer.family.Sizes;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Attention with explicit scores: x (B, T, D) → (B, T, D).
 *
 * @param sizes of the stack
 * @param norm the kind of norms of queries and keys
 * @param terms of relative positions, or null
 */
record Attending(
    Nodes nodes,
    Weights weights,
    Rotations rotations,
    Sizes sizes,
    NormSpec norm,
    @Nullable RelativeTerms terms) {

  /**
   * Computes attention.
   *
   * @param layer the layer's full name
   * @param bias of the scores, (B, 1 or H, 1 or T, T)
   */
  String apply(String layer, AttentionSpec spec, String x, String bias) {
    String module = layer + "." + spec.module();
    List<String> projected = projected(module, spec, x);
    AttentionSpec.Norms norms = spec.norms();
    String q = heads(module, norms == null ? null : norms.query(), norms, projected.get(0));
    String k = heads(module, norms == null ? null : norms.key(), norms, projected.get(1));
    String v = repeated(heads(module, null, null, projected.get(2)));
    if (spec.rope() != null) {
      q = rotations.apply(spec.rope(), q);
      k = rotations.apply(spec.rope(), k);
    }
    k = repeated(k);
    double scale = spec.scale() == null ? 1 / Math.sqrt(sizes.head()) : spec.scale();
    String products = nodes.op("MatMul", q, nodes.transpose(k, 0, 1, 3, 2)); // (B, H, T, T)
    String scores = nodes.scaled(products, scale);
    if (spec.cap() != null) {
      scores = nodes.capped(scores, spec.cap());
    }
    String sum =
        spec.disentangled() == null || terms == null
            ? bias
            : terms.add(spec, module, scale, q, k, products, bias);
    String attention = nodes.op("Softmax", Map.of("axis", -1L), nodes.add(scores, sum));
    String merged = nodes.transpose(nodes.op("MatMul", attention, v), 0, 2, 1, 3);
    long width = (long) sizes.heads() * sizes.head();
    return weights.linear(layer + "." + spec.output(), nodes.reshape(merged, 0, 0, width));
  }

  /** Queries (B, T, H·d), keys and values (B, T, K·d). */
  private List<String> projected(String module, AttentionSpec spec, String x) {
    List<String> maps =
        spec.projections().stream().map(map -> weights.linear(module + "." + map, x)).toList();
    if (maps.size() > 1) {
      return maps;
    }
    long d = sizes.head();
    long keys = sizes.keyValueHeads();
    if (spec.fused() == Fused.CONCATENATED) {
      return nodes.split(maps.get(0), sizes.heads() * d, keys * d, keys * d);
    }
    long group = sizes.heads() / keys;
    String grouped = nodes.reshape(maps.get(0), 0, 0, keys, (group + 2) * d);
    return nodes.split(grouped, group * d, d, d).stream()
        .map(part -> nodes.reshape(part, 0, 0, -1))
        .toList();
  }

  /** (B, T, H·d) → (B, H, T, d), normalised before or after. */
  private String heads(
      String module, @Nullable String name, AttentionSpec.@Nullable Norms norms, String x) {
    if (name == null || norms == null) {
      return split(x);
    }
    String norm = module + "." + name;
    return norms.wholeProjection()
        ? split(weights.norm(norm, norm(), x))
        : weights.norm(norm, norm(), split(x));
  }

  String split(String x) {
    return nodes.transpose(nodes.reshape(x, 0, 0, -1, sizes.head()), 0, 2, 1, 3);
  }

  /** A key or value for each query head: (B, K, T, d) → (B, H, T, d). */
  private String repeated(String x) {
    long group = sizes.heads() / sizes.keyValueHeads();
    if (group == 1) {
      return x;
    }
    String many = nodes.op("Expand", nodes.unsqueeze(x, 2), nodes.integers(1, 1, group, 1, 1));
    return nodes.reshape(many, 0, sizes.heads(), -1, sizes.head());
  }
}
