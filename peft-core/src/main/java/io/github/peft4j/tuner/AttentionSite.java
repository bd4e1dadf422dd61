package io.github.peft4j.tuner;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Kernel;
import org.jspecify.annotations.Nullable;

/** The attention of one layer, between its projections: queries, keys, values → (B, T, H·d). */
public final class AttentionSite extends Site<AttentionSite.Input, NDArray> {

  private final int layer;
  private final long keyValueHeads;
  private final long headDimension;

  /**
   * Creates a site.
   *
   * @param name the attention module's name
   * @param layer index in its stack
   * @param keyValueHeads K
   * @param headDimension d
   */
  public AttentionSite(
      String name,
      int layer,
      long keyValueHeads,
      long headDimension,
      Forward<Input, NDArray> base) {
    super(name, base);
    this.layer = layer;
    this.keyValueHeads = keyValueHeads;
    this.headDimension = headDimension;
  }

  /** The layer's index in its stack. */
  public int layer() {
    return layer;
  }

  /** K, the number of heads that keys and values have. */
  public long keyValueHeads() {
    return keyValueHeads;
  }

  /** d, the length of a head's key. */
  public long headDimension() {
    return headDimension;
  }

  /**
   * What attention works on; positions are already in queries and keys.
   *
   * @param query (B, H, T, d)
   * @param key (B, K, S, d); H is a multiple of K
   * @param value (B, K, S, d)
   * @param bias added to the scores, (B or 1, H or 1, T, S), or null for none
   * @param causal whether query t sees keys up to t only; never together with a bias
   * @param training whether the model's own dropout is on
   */
  public record Input(
      NDArray query,
      NDArray key,
      NDArray value,
      @Nullable NDArray bias,
      boolean causal,
      boolean training) {

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
                bias = torch.masked_fill(zeros, torch.to(future, 11), -3.3895313892515355e+38)
                return torch.reshape(bias, [1, 1, t, n + t])
            """);
    private static final Kernel WIDEN_BIAS =
        Kernel.of(
            """
            def widen_bias(bias: Tensor, first: Tensor) -> Tensor:
                n = torch.size(first, 2)
                return torch.constant_pad_nd(bias, [n, 0], 0)
            """);

    /**
     * The same attention with n more keys and values that every query sees.
     *
     * @param keys (1 or B, K, n, d)
     * @param values (1 or B, K, n, d)
     */
    public Input prepend(NDArray keys, NDArray values) {
      NDArray widened =
          bias != null
              ? WIDEN_BIAS.call(bias, keys)
              : causal ? CAUSAL_BIAS.call(query, keys) : null;
      return new Input(
          query, PREPEND.call(key, keys), PREPEND.call(value, values), widened, false, training);
    }

    /** B, H, T, d. */
    public Shape queryShape() {
      return query.getShape();
    }
  }
}
