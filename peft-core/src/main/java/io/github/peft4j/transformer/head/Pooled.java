package io.github.peft4j.transformer.head;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Tensors;
import org.jspecify.annotations.Nullable;

/**
 * One state for each text out of the states of its tokens: (B, n + T, D) → (B, D).
 *
 * <p>A mask (B, past + n + T) is 1 for tokens and 0 for padding, on either side; null without
 * padding.
 */
public final class Pooled {

  private static final Kernel FIRST =
      Kernel.of(
          """
          def first(x: Tensor) -> Tensor:
              return torch.select(x, 1, 0)
          """);
  private static final Kernel LAST =
      Kernel.of(
          """
          def last(x: Tensor) -> Tensor:
              return torch.select(x, 1, -1)
          """);
  private static final Kernel LAST_REAL =
      Kernel.of(
          """
          def last_real(x: Tensor, mask: Tensor) -> Tensor:
              width = torch.size(x, 1)
              mask = torch.narrow(mask, 1, torch.size(mask, 1) - width, width)
              places = torch.arange(width, dtype=4, layout=None, device=mask.device)
              last = torch.argmax(torch.mul(mask.to(4), places), 1)
              index = torch.expand(torch.reshape(last, [-1, 1, 1]), [-1, 1, torch.size(x, 2)])
              return torch.squeeze(torch.gather(x, 1, index), 1)
          """);
  private static final Kernel LAST_BUT =
      Kernel.of(
          """
          def last_but(x: Tensor, ids: Tensor, padding: Tensor) -> Tensor:   # x (B, n + T, D), ids (B, T)
              places = torch.arange(torch.size(ids, 1), dtype=4, layout=None, device=ids.device)
              last = torch.argmax(torch.mul(torch.ne(ids, int(padding)).to(4), places), 1)
              last = torch.add(last, torch.size(x, 1) - torch.size(ids, 1))
              index = torch.expand(torch.reshape(last, [-1, 1, 1]), [-1, 1, torch.size(x, 2)])
              return torch.squeeze(torch.gather(x, 1, index), 1)
          """);
  private static final Kernel MEAN =
      Kernel.of(
          """
          def mean(x: Tensor) -> Tensor:
              return torch.mean(x, [1])
          """);
  private static final Kernel MEAN_REAL =
      Kernel.of(
          """
          def mean_real(x: Tensor, mask: Tensor) -> Tensor:
              width = torch.size(x, 1)
              mask = torch.narrow(mask, 1, torch.size(mask, 1) - width, width)
              weights = torch.unsqueeze(mask, -1).to(x.dtype)
              return torch.div(torch.sum(torch.mul(x, weights), [1]), torch.sum(weights, [1]))
          """);

  private Pooled() {}

  /** The state of the first position. */
  public static NDArray first(NDArray x) {
    return FIRST.call(x);
  }

  /** The state of the last token that is not masked. */
  public static NDArray last(NDArray x, @Nullable NDArray mask) {
    return mask == null ? LAST.call(x) : LAST_REAL.call(x, mask);
  }

  /**
   * The state of the last token whose id is not that of padding.
   *
   * @param ids (B, T)
   */
  public static NDArray lastBut(long padding, NDArray x, NDArray ids) {
    return LAST_BUT.call(x, ids, Tensors.scalar(padding));
  }

  /** The mean of the states of all tokens that are not masked. */
  public static NDArray mean(NDArray x, @Nullable NDArray mask) {
    return mask == null ? MEAN.call(x) : MEAN_REAL.call(x, mask);
  }
}
