package io.github.peft4j.transformer.pass;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Tensors;

/**
 * Biases and positions from a mask. A bias is added to attention scores and hides keys from
 * queries.
 */
final class Masks {

  private static final Kernel PADDING =
      Kernel.of(
              """
              def padding_bias(x: Tensor, mask: Tensor) -> Tensor:
                  blocked = torch.eq(mask, 0)
                  shape = [torch.size(mask, 0), 1, 1, torch.size(mask, 1)]
                  zeros = torch.zeros(shape, dtype=x.dtype, layout=None, device=x.device)
                  return torch.masked_fill(zeros, torch.reshape(blocked, shape), {lowest})
              """)
          .with("lowest", Precision.lowest("x"));

  /**
   * The last T of S places are the queries'. A query sees no key after it if causal, and none that
   * is a window or more away; a stack that is not causal has its window on both sides.
   */
  private static final Kernel BY_DISTANCE =
      Kernel.of(
              """
              def bias(x: Tensor, mask: Tensor) -> Tensor:
                  t = torch.size(x, 1)
                  s = torch.size(mask, 1)
                  places = torch.reshape({places}, [-1, 1, 1, s])
                  queries = torch.transpose(torch.narrow(places, 3, s - t, t), 2, 3)
                  distance = torch.sub(queries, places)
                  far = torch.logical_or(torch.lt(distance, {nearest}), torch.gt(distance, {farthest}))
                  padding = torch.eq(torch.reshape(mask, [torch.size(mask, 0), 1, 1, s]), 0)
                  zeros = torch.zeros([torch.size(mask, 0), 1, t, s], dtype=x.dtype, layout=None, device=x.device)
                  return torch.masked_fill(zeros, torch.logical_or(padding, far), {lowest})
              """)
          .with("lowest", Precision.lowest("x"));

  private static final Kernel BY_COLUMNS =
      BY_DISTANCE.with("places", "torch.arange(s, dtype=4, layout=None, device=x.device)");

  /** Padding between virtual tokens and a text is no distance. */
  private static final Kernel BY_TOKENS = BY_DISTANCE.with("places", "torch.cumsum(mask.to(4), 1)");

  private static final Kernel APART =
      Kernel.of(
              """
              def apart(bias: Tensor, texts: Tensor) -> Tensor:      # (B or 1, 1, T or 1, T), (B, T)
                  other = torch.ne(torch.unsqueeze(texts, 2), torch.unsqueeze(texts, 1))
                  return torch.masked_fill(bias, torch.unsqueeze(other, 1), {lowest})
              """)
          .with("lowest", Precision.lowest("bias"));

  private static final Kernel COUNT_PADDING =
      Kernel.of(
          """
          def count_padding(mask: Tensor) -> Tensor:             # (B, S) → (B, 1)
              return torch.sum(torch.eq(mask, 0).to(4), [1], True)
          """);

  private static final Kernel REAL_POSITIONS =
      Kernel.of(
          """
          def real_positions(x: Tensor, mask: Tensor, start: Tensor) -> Tensor:
              counts = torch.clamp(torch.sub(torch.cumsum(mask.to(4), 1), 1), 0)
              t = torch.size(x, 1)
              last = torch.narrow(counts, 1, torch.size(mask, 1) - t, t)
              return torch.add(last, start)
          """);

  private static final Kernel BLINDS =
      Kernel.of(
          """
          def blinds(mask: Tensor) -> Tensor:
              return torch.any(torch.eq(torch.select(mask, 1, 0), 0)).to(4)
          """);

  private static final Kernel TOKENS_IN_FRONT =
      Kernel.of(
          """
          def tokens_in_front(mask: Tensor) -> Tensor:           # (B, S) → (B)
              seen = torch.ne(mask, 0).to(4)
              before = torch.cumprod(seen, 1)
              return torch.where(torch.all(torch.eq(seen, before), 1), torch.sum(seen, [1]), -1)
          """);

  private Masks() {}

  /**
   * Whether a mask (B, S) is padded on the left, so that the first query of a causal row is fully
   * masked.
   */
  static boolean blinds(NDArray mask) {
    try (NDArray any = BLINDS.call(mask)) {
      return any.getLong() != 0;
    }
  }

  /** The number of tokens of each row of a mask (B, S); -1 if padding stands before a token. */
  static long[] tokensInFront(NDArray mask) {
    try (NDArray counts = TOKENS_IN_FRONT.call(mask)) {
      return counts.toLongArray();
    }
  }

  /**
   * The bias of a sequence x (B, T, D).
   *
   * @param mask (B, S), 1 for visible keys, 0 for padding
   * @param causal whether query t of T sees keys up to S - T + t only
   * @param window a causal query sees this many keys, itself included; another sees keys up to this
   *     distance on both sides. {@code Integer.MAX_VALUE} for no window
   * @param leftPadded whether padding is no distance
   * @return (B, 1, 1, S), or (B, 1, T, S) if queries see different keys
   */
  static NDArray bias(NDArray x, NDArray mask, boolean causal, int window, boolean leftPadded) {
    if (!causal && window == Integer.MAX_VALUE) {
      return PADDING.call(x, mask);
    }
    return (leftPadded ? BY_TOKENS : BY_COLUMNS)
        .with("nearest", causal ? 0 : -window)
        .with("farthest", causal ? window - 1 : window)
        .call(x, mask);
  }

  /**
   * A bias that also hides the other texts of a row.
   *
   * @param bias (B or 1, 1, T or 1, T)
   * @param texts (B, T), the number of each token's text
   * @return (B, 1, T, T)
   */
  static NDArray apart(NDArray bias, NDArray texts) {
    return APART.call(bias, texts);
  }

  /** The number of keys of each row that are padding (B, 1). */
  static NDArray padding(NDArray mask) {
    return COUNT_PADDING.call(mask);
  }

  /**
   * Positions (B, T) of the last T columns of the mask, counting real tokens only.
   *
   * @param mask (B, S), 1 for tokens and 0 for padding
   * @param start number that is added to each position
   */
  static NDArray positions(NDArray x, NDArray mask, long start) {
    return REAL_POSITIONS.call(x, mask, Tensors.scalar(start));
  }
}
