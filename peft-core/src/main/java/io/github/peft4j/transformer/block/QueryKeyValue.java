package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.site.AttentionSite.Heads;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Projects hidden states (B, T, D) to queries (B, H, T, d), keys and values (B, K, T, d), by three
 * maps or by one fused map, and normalises queries and keys if the family does.
 */
public final class QueryKeyValue {

  private static final Kernel SPLIT_HEADS =
      Kernel.of(
              """
          def split_heads(x: Tensor) -> Tensor:                      # (B, T, H·d) → (B, H, T, d)
              shape = [torch.size(x, 0), torch.size(x, 1), -1, {head}]
              return torch.transpose(torch.reshape(x, shape), 1, 2)
          """)
          .derivative(
              "x",
              """
              def back(g: Tensor) -> Tensor:                         # (B, H, T, d) → (B, T, H·d)
                  y = torch.transpose(g, 1, 2)
                  return torch.reshape(y, [torch.size(y, 0), torch.size(y, 1), -1])
              """);

  private static final Kernel CONCATENATED =
      Kernel.of(
          """
          def concatenated(x: Tensor) -> List[Tensor]:           # (B, T, (H + 2 K)·d)
              return torch.split_with_sizes(x, [{queries}, {keys}, {keys}], -1)
          """);

  private static final Kernel GROUPED =
      Kernel.of(
          """
          def grouped(x: Tensor) -> List[Tensor]:                # (B, T, K·(H/K + 2)·d)
              b = torch.size(x, 0)
              t = torch.size(x, 1)
              y = torch.reshape(x, [b, t, -1, {group} + 2, {head}])
              q, k, v, = torch.split_with_sizes(y, [{group}, 1, 1], 3)
              return [torch.reshape(q, [b, t, -1]), torch.reshape(k, [b, t, -1]), torch.reshape(v, [b, t, -1])]
          """);

  /** How the rows of a fused map are ordered. */
  public enum Fused {
    /** All queries, then all keys, then all values: GPT-2, Phi-3. */
    CONCATENATED,
    /** For each key-value head its queries, its key, its value: GPT-NeoX, BLOOM, Falcon. */
    GROUPED
  }

  /**
   * The norms of queries and keys.
   *
   * @param wholeProjection whether a norm is over all heads together, and not over each head
   */
  public record Norms(Norm query, Norm key, boolean wholeProjection) {}

  private final List<Linear> maps;
  private final @Nullable Kernel split;
  private final Kernel splitHeads;
  private final @Nullable Norms norms;

  private QueryKeyValue(
      List<Linear> maps, @Nullable Kernel split, Heads heads, @Nullable Norms norms) {
    this.maps = maps;
    this.split = split;
    this.splitHeads = SPLIT_HEADS.with("head", heads.dimension());
    this.norms = norms;
  }

  /** Three maps. */
  public static QueryKeyValue separate(
      Linear query, Linear key, Linear value, Heads heads, @Nullable Norms norms) {
    return new QueryKeyValue(List.of(query, key, value), null, heads, norms);
  }

  /** One fused map. */
  public static QueryKeyValue fused(Linear map, Fused order, Heads heads, @Nullable Norms norms) {
    Kernel split =
        switch (order) {
          case CONCATENATED ->
              CONCATENATED
                  .with("queries", heads.queries() * heads.dimension())
                  .with("keys", heads.keyValues() * heads.dimension());
          case GROUPED ->
              GROUPED
                  .with("group", heads.queries() / heads.keyValues())
                  .with("head", heads.dimension());
        };
    return new QueryKeyValue(List.of(map), split, heads, norms);
  }

  /** The blocks, in the checkpoint's order. */
  Stream<NamedBlock> parts() {
    return Stream.concat(
        maps.stream(), norms == null ? Stream.of() : Stream.of(norms.query(), norms.key()));
  }

  /** The maps of queries, keys and values, if nothing but splitting follows them; or none. */
  List<Linear> plainMaps() {
    return split == null && norms == null ? maps : List.of();
  }

  /** Queries, keys and values of x, without positions. */
  List<NDArray> project(NDArray x, ForwardContext context) {
    List<NDArray> all = mapped(x, context);
    return List.of(
        heads(all.get(0), norms == null ? null : norms.query(), context),
        heads(all.get(1), norms == null ? null : norms.key(), context),
        splitHeads.call(all.get(2)));
  }

  /** Queries (B, T, H·d), keys and values (B, T, K·d) of x, without norms and positions. */
  private List<NDArray> mapped(NDArray x, ForwardContext context) {
    return split == null
        ? maps.stream().map(map -> map.forward(x, context)).toList()
        : split.callForAll(maps.get(0).forward(x, context));
  }

  /**
   * Queries, keys and values of x, without positions, as {@link #project} computes them; those that
   * {@link #splitting} still has to split into heads are (B, T, H·d).
   */
  List<NDArray> unsplit(NDArray x, ForwardContext context) {
    if (norms == null) {
      return mapped(x, context);
    }
    List<NDArray> all = mapped(x, context);
    return List.of(
        heads(all.get(0), norms.query(), context),
        heads(all.get(1), norms.key(), context),
        all.get(2));
  }

  /** The function {@code split_heads(x)} in TorchScript, for kernels that do more. */
  String splitting() {
    return splitHeads.source();
  }

  NDArray query(NDArray x, ForwardContext context) {
    return heads(maps.get(0).forward(x, context), norms == null ? null : norms.query(), context);
  }

  NDArray key(NDArray x, ForwardContext context) {
    return heads(maps.get(1).forward(x, context), norms == null ? null : norms.key(), context);
  }

  NDArray value(NDArray x, ForwardContext context) {
    return splitHeads.call(maps.get(2).forward(x, context));
  }

  /** Splits x (B, T, H·d) into heads (B, H, T, d). */
  NDArray heads(NDArray x) {
    return splitHeads.call(x);
  }

  /** Splits x (B, T, H·d) into heads (B, H, T, d), normalised before or after. */
  private NDArray heads(NDArray x, @Nullable Norm norm, ForwardContext context) {
    if (norm == null || norms == null) {
      return splitHeads.call(x);
    }
    return norms.wholeProjection()
        ? splitHeads.call(norm.forward(x, context))
        : norm.forward(splitHeads.call(x), context);
  }
}
