package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.MatrixProduct;
import io.github.peft4j.transformer.pass.KeyValueCache;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.transformer.rope.RotaryEmbedding;
import io.github.peft4j.transformer.rope.Rotation;
import io.github.peft4j.tuner.site.ActiveAdapters;
import io.github.peft4j.tuner.site.AttentionSite;
import io.github.peft4j.tuner.site.LinearSite;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Self-attention of new tokens over a cache that has room for them, in one call of a kernel instead
 * of one for each of its functions. For a few tokens, calls cost more than their arithmetic. The
 * functions are those that compute any other pass, so that the result is the same.
 */
final class DecodingStep {

  private static final String HEADS =
      """
      def heads(x: Tensor) -> Tensor:            # (B, T, H·d), or split already → (B, H, T, d)
          y = x
          if x.dim() == 3:
              y = split_heads(x)
          return y
      """;
  private static final String AS_THEY_ARE =
      """
      def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
          return x
      """;

  /** Queries and keys are rotated together: a small kernel costs the same for both. */
  private static final String WRITTEN_TOGETHER =
      """
      def written(q: Tensor, k: Tensor, v: Tensor, cos: Tensor, sin: Tensor, keys: Tensor, values: Tensor, start: Tensor) -> List[Tensor]:
          queries = heads(q)
          n = torch.size(queries, 1)
          both = rotate(torch.cat([queries, heads(k)], 1), cos, sin)
          past = write(keys, torch.narrow(both, 1, n, torch.size(both, 1) - n), start)
          return [torch.narrow(both, 1, 0, n), past, write(values, heads(v), start)]
      """;

  private static final String WRITTEN =
      """
      def written(q: Tensor, k: Tensor, v: Tensor, cos: Tensor, sin: Tensor, keys: Tensor, values: Tensor, start: Tensor) -> List[Tensor]:
          past = write(keys, rotate(heads(k), cos, sin), start)
          return [rotate(heads(q), cos, sin), past, write(values, heads(v), start)]
      """;

  private static final String ATTENDED =
      """
      def attended(q: Tensor, k: Tensor, v: Tensor, cos: Tensor, sin: Tensor, keys: Tensor, values: Tensor, bias: Tensor, place: Tensor) -> Tensor:
          queries, past, present, = written(q, k, v, cos, sin, keys, values, place)
          return attend(queries, past, present, bias)
      """;

  /** Maps may have biases: {@code {biases}} declares them and {@code {bias0}} is one. */
  private static final String WHOLE =
      """
      def map(x: Tensor, weight: Tensor, bias: Optional[Tensor]) -> Tensor:
          return product(x, weight.to(x.dtype), bias)
      def whole(x: Tensor, wq: Tensor, wk: Tensor, wv: Tensor, wo: Tensor, cos: Tensor, sin: Tensor, keys: Tensor, values: Tensor, start: Tensor{biases}) -> Tensor:
          q = map(x, wq, {bias0})
          k = map(x, wk, {bias1})
          v = map(x, wv, {bias2})
          q, k, v, = written(q, k, v, cos, sin, keys, values, start)
          return map(attend(q, k, v), wo, {bias3})
      """;

  private final @Nullable RotaryEmbedding rotary;
  private final AttentionSite site;
  private final List<LinearSite> maps;
  private final Kernel written;
  private final @Nullable Kernel whole;
  private final Kernel writtenAt;
  private final @Nullable Kernel attended;

  /**
   * Creates the kernels.
   *
   * @param projections of queries, keys and values
   * @param output the map after attention
   * @param product computes attention from queries, keys and values
   * @param isPlain whether scores have neither a cap nor terms of their own
   */
  DecodingStep(
      AttentionSite site,
      QueryKeyValue projections,
      Linear output,
      @Nullable RotaryEmbedding rotary,
      ScaledDotProduct product,
      boolean isPlain) {
    this.rotary = rotary;
    this.site = site;
    this.maps =
        Stream.concat(projections.plainMaps().stream(), Stream.of(output))
            .map(Linear::site)
            .toList();
    String heads = projections.splitting() + HEADS;
    String start =
        KeyValueCache.WRITE + heads + (rotary == null ? AS_THEY_ARE : rotary.text()) + WRITTEN;
    String startAt =
        KeyValueCache.WRITE_AT
            + heads
            + (rotary == null
                ? AS_THEY_ARE + WRITTEN
                : RotaryEmbedding.turning() + WRITTEN_TOGETHER);
    boolean whole =
        isPlain && maps.size() == 4 && maps.stream().noneMatch(LinearSite::isTransposed);
    this.written = Kernel.of(start);
    this.whole = whole ? Kernel.of(MatrixProduct.text() + product.text() + start + whole()) : null;
    this.writtenAt = Kernel.of(startAt);
    this.attended =
        isPlain
            ? product.inCuda(Kernel.of(product.biasedText() + startAt + ATTENDED), rotary != null)
            : null;
  }

  /** The text of the whole, with the biases that the maps have. */
  private String whole() {
    String text = WHOLE;
    StringBuilder declared = new StringBuilder();
    for (int i = 0; i < maps.size(); i++) {
      boolean has = maps.get(i).bias().isPresent();
      declared.append(has ? ", b%d: Tensor".formatted(i) : "");
      text = text.replace("{bias" + i + "}", has ? "b%d.to(x.dtype)".formatted(i) : "None");
    }
    return text.replace("{biases}", declared);
  }

  /**
   * The output of attention, or null if it is not to be computed in one call: an adapter rewrites a
   * part of it, or there are keys that a query does not see.
   *
   * @param x (B, T, D)
   * @param window see {@link Pass#bias}
   */
  @Nullable NDArray output(NDArray x, KeyValueCache.Room room, int window, Pass pass) {
    Kernel kernel = whole;
    if (kernel == null
        || room.isRepeated()
        || !pass.seesAll(window)
        || pass.adapters().rewrites(site)
        || isRewritten(pass.adapters())) {
      return null;
    }
    List<NDArray> arguments = new ArrayList<>();
    arguments.add(x);
    maps.forEach(map -> arguments.add(map.weight().value(pass)));
    arguments.addAll(cached(x, room, pass));
    arguments.add(room.start());
    maps.forEach(map -> map.bias().ifPresent(bias -> arguments.add(bias.value(pass))));
    return kernel.call(arguments.toArray(NDArray[]::new));
  }

  /**
   * What attention computes of the new tokens (B, 1, H·d) in a repeated step, or null if it is not
   * to be computed in one call.
   *
   * @param x (B, 1, D)
   * @param projected queries, keys and values, see {@link #written}
   * @param window see {@link Pass#bias}
   */
  @Nullable NDArray attended(
      NDArray x, List<NDArray> projected, KeyValueCache.Room room, int window, Pass pass) {
    Kernel kernel = attended;
    if (kernel == null || !room.isRepeated() || pass.adapters().rewrites(site)) {
      return null;
    }
    List<NDArray> arguments = new ArrayList<>(projected);
    arguments.addAll(cached(projected.get(0), room, pass));
    arguments.add(pass.explicitBias(x, window));
    arguments.add(room.start());
    return kernel.call(arguments.toArray(NDArray[]::new));
  }

  /** Whether maps compute something else than the product with a dense weight. */
  private boolean isRewritten(ActiveAdapters adapters) {
    for (LinearSite map : maps) {
      if (adapters.rewrites(map) || map.weight().isQuantized()) {
        return true;
      }
    }
    return false;
  }

  /**
   * Queries with their positions, and all keys and values so far.
   *
   * @param projected queries, keys and values of the new tokens: (B, T, H·d), or split into heads
   */
  List<NDArray> written(List<NDArray> projected, KeyValueCache.Room room, Pass pass) {
    List<NDArray> arguments = new ArrayList<>(projected);
    arguments.addAll(cached(projected.get(0), room, pass));
    arguments.add(room.start());
    return (room.isRepeated() ? writtenAt : written).callForAll(arguments.toArray(NDArray[]::new));
  }

  /** Tables of positions, if there are some, and the buffers. */
  private List<NDArray> cached(NDArray any, KeyValueCache.Room room, Pass pass) {
    Rotation by = rotary == null ? new Rotation(any, any) : pass.rotation(rotary);
    return List.of(by.cosine(), by.sine(), room.keys(), room.values());
  }
}
