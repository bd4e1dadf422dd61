package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Tensors;
import org.jspecify.annotations.Nullable;

/** Selects the state by which a decoder classifies a text: (B, n + T, D) → (B, D). */
public final class LastToken {

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
              width = torch.size(mask, 1)
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

  private LastToken() {}

  /**
   * The state of the last token that is not masked.
   *
   * @param mask (B, n + T), 1 for tokens and 0 for padding; null without padding
   */
  public static NDArray real(NDArray x, @Nullable NDArray mask) {
    return mask == null ? LAST.call(x) : LAST_REAL.call(x, mask);
  }

  /**
   * The state of the last token whose id is not that of padding.
   *
   * @param ids (B, T)
   */
  public static NDArray but(long padding, NDArray x, NDArray ids) {
    return LAST_BUT.call(x, ids, Tensors.scalar(padding));
  }
}
