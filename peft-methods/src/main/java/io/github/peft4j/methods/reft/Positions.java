package io.github.peft4j.methods.reft;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.ForwardContext;
import org.jspecify.annotations.Nullable;

/**
 * Which hidden states are those of a text's first and last tokens: (B or 1, n + T, 1), false for
 * padding and for virtual tokens. Places are counted in the whole text. The last tokens are those
 * of a prompt: with a cache, they are looked for in the first pass only.
 *
 * @param first number of first tokens
 * @param last number of last tokens
 */
record Positions(int first, int last) {

  private static final Kernel ONES =
      Kernel.of(
          """
          def ones(ids: Tensor) -> Tensor:                                     # ids (B, T)
              new = torch.ones_like(torch.slice(ids, 0, 0, 1))
              return torch.constant_pad_nd(new, [{past}, 0], 1)                # (1, past + T)
          """);
  private static final Kernel FIRST =
      Kernel.of(
          """
          def first(mask: Tensor, ids: Tensor, h: Tensor) -> Tensor:           # mask (B, past + T)
              rank = torch.cumsum(mask, 1)                                     # from 1 on
              at = torch.logical_and(torch.gt(mask, 0), torch.le(rank, {count}))
              new = torch.slice(at, 1, torch.size(mask, 1) - torch.size(ids, 1))
              n = torch.size(h, 1) - torch.size(ids, 1)
              return torch.unsqueeze(torch.constant_pad_nd(new, [n, 0], False), 2)
          """);
  private static final Kernel LAST =
      Kernel.of(
          """
          def last(mask: Tensor, ids: Tensor, h: Tensor) -> Tensor:            # mask (B, T)
              rank = torch.cumsum(mask, 1)
              behind = torch.sub(torch.sum(mask, [1], True), rank)
              at = torch.logical_and(torch.gt(mask, 0), torch.lt(behind, {count}))
              n = torch.size(h, 1) - torch.size(ids, 1)
              return torch.unsqueeze(torch.constant_pad_nd(at, [n, 0], False), 2)
          """);

  /** Where the first tokens are in h (B, n + T, D); null if there are none in this pass. */
  @Nullable NDArray ofFirst(NDArray h, ForwardContext context) {
    NDArray mask = mask(context);
    return mask == null || first == 0
        ? null
        : FIRST.with("count", first).call(mask, context.ids(), h);
  }

  /** Where the last tokens are in h (B, n + T, D); null if there are none in this pass. */
  @Nullable NDArray ofLast(NDArray h, ForwardContext context) {
    NDArray mask = context.past() > 0 ? null : mask(context);
    return mask == null || last == 0 ? null : LAST.with("count", last).call(mask, context.ids(), h);
  }

  /**
   * The mask, with ones if there is no padding; null if the first tokens have passed in all rows.
   */
  private @Nullable NDArray mask(ForwardContext context) {
    NDArray mask = context.mask();
    if (mask != null) {
      return mask;
    }
    return context.past() > 0 && context.past() >= first
        ? null
        : ONES.with("past", context.past()).call(context.ids());
  }
}
