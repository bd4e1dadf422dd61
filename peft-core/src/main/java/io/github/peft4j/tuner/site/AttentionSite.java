package io.github.peft4j.tuner.site;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.tuner.ArrayRows;
import io.github.peft4j.tuner.Computation;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.Joining;
import io.github.peft4j.tuner.Rows;
import io.github.peft4j.tuner.Splitting;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The attention of one layer, without its projections: queries, keys, values → (B, T, H·d). */
public final class AttentionSite extends Site<AttentionSite.Input, NDArray> {

  private final Place place;
  private final Heads heads;
  private final Computation<NDArray, List<NDArray>> projection;

  /**
   * The position of an attention in the model.
   *
   * @param stack name of its stack, as {@link InputSite#stack} returns it
   * @param layer index in its stack, from 0
   * @param cross whether it attends to an encoder's output
   */
  public record Place(String stack, int layer, boolean cross) {}

  /**
   * The heads of an attention.
   *
   * @param queries H, the number of query heads
   * @param keyValues K, the number of key-value heads, which divides H
   * @param dimension d, the size of one head
   */
  public record Heads(long queries, long keyValues, long dimension) {}

  /**
   * Creates a site.
   *
   * @param name the attention module's name
   * @param projection see {@link #project}
   */
  public AttentionSite(
      String name,
      Place place,
      Heads heads,
      Computation<NDArray, List<NDArray>> projection,
      Computation<Input, NDArray> base) {
    super(name, base);
    this.place = place;
    this.heads = heads;
    this.projection = projection;
  }

  /** The position in the model. */
  public Place place() {
    return place;
  }

  /** The numbers and the size of heads. */
  public Heads heads() {
    return heads;
  }

  /**
   * Projects vectors (B, T, D) to queries (B, H, T, d), keys and values (B, K, T, d). The model's
   * projections are used with their adapters; no position is applied.
   */
  public List<NDArray> project(NDArray x, ForwardContext context) {
    return projection.forward(x, context);
  }

  @Override
  public Splitting<Input> inputs() {
    return Input.ROWS;
  }

  @Override
  public Joining<NDArray> outputs() {
    return ArrayRows.INSTANCE;
  }

  /**
   * How far the queries of a layer look back.
   *
   * @param size number of keys that a query sees, itself included
   * @param before (B, T or 1), or one number for all rows: how many keys of the row come before the
   *     query's text and count for nothing, such as padding
   */
  public record Window(int size, NDArray before) {

    private Window select(Rows rows) {
      boolean common = before.getShape().dimension() == 0;
      return common ? this : new Window(size, ArrayRows.INSTANCE.select(before, rows));
    }
  }

  /**
   * The texts of rows that hold several, for attention that computes each by itself.
   *
   * @param lengths by row, the number of tokens of each text; the padding behind them is one more
   * @param ends (n + 1), int32: 0 and the sum of the first i lengths for each i of all n texts, row
   *     by row
   * @param bias makes the bias (B, 1, T, T) that hides other texts, with all that the layer hides
   */
  public record Texts(int[][] lengths, NDArray ends, Supplier<NDArray> bias) {

    /** The ends of texts with these lengths. */
    public static NDArray ends(NDManager manager, int[][] lengths) {
      int[] ends = IntStream.concat(IntStream.of(0), inOrder(lengths)).toArray();
      Arrays.parallelPrefix(ends, Integer::sum);
      return manager.create(ends);
    }

    private static IntStream inOrder(int[][] lengths) {
      return Stream.of(lengths).flatMapToInt(Arrays::stream);
    }

    /** The lengths of all texts, row by row. */
    public int[] inOrder() {
      return inOrder(lengths).toArray();
    }

    /** The texts of some rows. */
    public Texts select(Rows rows) {
      int[][] some =
          LongStream.of(rows.numbers())
              .mapToObj(row -> lengths[Math.toIntExact(row)])
              .toArray(int[][]::new);
      return new Texts(
          some, ends(ends.getManager(), some), () -> ArrayRows.INSTANCE.select(bias.get(), rows));
    }
  }

  /**
   * The input of attention. Rotary positions have been applied to queries and keys.
   *
   * @param hidden the hidden states that queries are projected from (B, T, D)
   * @param query (B, H, T, d)
   * @param key (B, K, S, d); H is a multiple of K
   * @param value (B, K, S, d)
   * @param bias added to the scores, (B or 1, H or 1, T, P + S), or null for none; its first P
   *     columns are for keys before the sequence, such as those of a prefix
   * @param causal whether query t sees keys up to t only; false if there is a bias
   * @param window how far queries look back, or null for no limit; the bias already hides the keys
   *     that are farther away
   * @param texts the texts of the rows, which see themselves only; null if each row is one, or if
   *     the bias hides the others
   */
  public record Input(
      NDArray hidden,
      NDArray query,
      NDArray key,
      NDArray value,
      @Nullable NDArray bias,
      boolean causal,
      @Nullable Window window,
      @Nullable Texts texts) {

    private static final Splitting<Input> ROWS =
        new Splitting<>() {
          @Override
          public long rows(Input input) {
            return input.query.getShape().get(0);
          }

          @Override
          public Input select(Input input, Rows rows) {
            ArrayRows arrays = ArrayRows.INSTANCE;
            NDArray bias = input.bias;
            boolean common = bias == null || bias.getShape().get(0) == 1;
            return new Input(
                arrays.select(input.hidden, rows),
                arrays.select(input.query, rows),
                arrays.select(input.key, rows),
                arrays.select(input.value, rows),
                common ? bias : arrays.selectIfAny(bias, rows),
                input.causal,
                input.window == null ? null : input.window.select(rows),
                input.texts == null ? null : input.texts.select(rows));
          }
        };
    private static final Kernel PREPEND =
        Kernel.of(
            """
            def prepend(x: Tensor, first: Tensor) -> Tensor:   # x (B, K, S, d), first (1|B, K, n, d)
                n = torch.size(first, 2)
                batch = torch.size(x, 0)
                shape = [batch, torch.size(x, 1), n, torch.size(x, 3)]
                return torch.cat([torch.expand(first.to(x.dtype), shape), x], 2)
            """);
    private static final Kernel CAUSAL_BIAS =
        Kernel.of(
                """
                def causal_bias(query: Tensor, first: Tensor) -> Tensor:
                    t = torch.size(query, 2)
                    n = torch.size(first, 2)
                    zeros = torch.zeros([t, n + t], dtype=query.dtype, layout=None, device=query.device)
                    future = torch.triu(torch.ones_like(zeros), n + 1)
                    bias = torch.masked_fill(zeros, torch.to(future, 11), {lowest})
                    return torch.reshape(bias, [1, 1, t, n + t])
                """)
            .with("lowest", Precision.lowest("query"));
    private static final Kernel WIDEN_BIAS =
        Kernel.of(
            """
            def widen_bias(bias: Tensor, key: Tensor, first: Tensor) -> Tensor:
                missing = torch.size(first, 2) + torch.size(key, 2) - torch.size(bias, 3)
                if missing > 0:
                    bias = torch.constant_pad_nd(bias, [missing, 0], 0)
                return bias
            """);

    private static final Kernel NO_BIAS =
        Kernel.of(
            """
            def no_bias(query: Tensor, key: Tensor) -> Tensor:    # (1, 1, T, S)
                shape = [1, 1, torch.size(query, 2), torch.size(key, 2)]
                return torch.zeros(shape, dtype=query.dtype, layout=None, device=query.device)
            """);

    /**
     * Query t is key s - t_all + t, less the keys before its text. Keys after the first n are left
     * alone.
     */
    private static final Kernel SLIDE =
        Kernel.of(
                """
                def slide(bias: Tensor, query: Tensor, key: Tensor, first: Tensor, before: Tensor) -> Tensor:
                    t = torch.size(query, 2)
                    s = torch.size(key, 2)
                    queries = torch.unsqueeze(torch.arange(s - t, s, dtype=4, layout=None, device=query.device), 1)
                    keys = torch.arange(s, dtype=4, layout=None, device=query.device)
                    if before.dim() > 0:
                        before = torch.unsqueeze(torch.unsqueeze(before, 1), 3)    # (B, 1, T or 1, 1)
                    distance = torch.sub(torch.sub(queries, keys), before)
                    gone = torch.logical_and(torch.ge(distance, {size}), torch.lt(keys, torch.size(first, 2)))
                    return torch.masked_fill(bias, gone, {lowest})
                """)
            .with("lowest", Precision.lowest("query"));

    /**
     * A copy with n more keys and values in front, which every query sees.
     *
     * @param keys (1 or B, K, n, d)
     * @param values (1 or B, K, n, d)
     */
    public Input prepend(NDArray keys, NDArray values) {
      NDArray hiding = texts == null ? bias : texts.bias.get();
      NDArray widened =
          hiding != null
              ? WIDEN_BIAS.call(hiding, key, keys)
              : causal ? CAUSAL_BIAS.call(query, keys) : null;
      return new Input(
          hidden,
          query,
          PREPEND.call(key, keys),
          PREPEND.call(value, values),
          widened,
          false,
          window,
          null);
    }

    /**
     * A copy that continues a sequence of n keys and values. They are in front, as those of {@link
     * #prepend}, but a query sees them only as long as they are within its window.
     *
     * @param keys (1 or B, K, n, d)
     * @param values (1 or B, K, n, d)
     */
    public Input after(NDArray keys, NDArray values) {
      Input all = prepend(keys, values);
      if (window == null || all.key.getShape().get(2) <= window.size) {
        return all;
      }
      NDArray seen = all.bias == null ? NO_BIAS.call(query, all.key) : all.bias;
      NDArray slid =
          SLIDE.with("size", window.size).call(seen, query, all.key, keys, window.before);
      return new Input(hidden, query, all.key, all.value, slid, false, window, null);
    }

    /** The shape (B, H, T, d) of the queries. */
    public Shape queryShape() {
      return query.getShape();
    }
  }
}
