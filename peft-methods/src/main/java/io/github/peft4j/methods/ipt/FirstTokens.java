package io.github.peft4j.methods.ipt;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.common.prompt.PromptNetwork;
import io.github.peft4j.tuner.ForwardContext;

/** f(E[x₁], …, E[x_n]) of the first n tokens that are given. */
final class FirstTokens implements PromptSource {

  /** The ids of the first n tokens that are given, wherever padding is; −1 behind the last. */
  private static final Kernel FIRST =
      Kernel.of(
          """
          def first(ids: Tensor, given: Tensor) -> Tensor:       # (B, T) → (B, n)
              place = torch.sub(torch.cumsum(given, 1), 1)
              place = torch.where(torch.gt(given, 0), place, torch.full_like(place, {n}))
              place = torch.clamp(place, 0, {n})
              empty = torch.full([torch.size(ids, 0), {n} + 1], -1, dtype=ids.dtype, device=ids.device)
              return torch.narrow(torch.scatter(empty, 1, place, ids), 1, 0, {n})
          """);

  private final Kernel first;
  private final TokenVectors table;
  private final PromptNetwork network;

  FirstTokens(int n, TokenVectors table, PromptNetwork network) {
    this.first = FIRST.with("n", n);
    this.table = table;
    this.network = network;
  }

  @Override
  public NDArray prompts(ForwardContext context, boolean training) {
    NDArray ids = context.ids();
    NDArray given = context.given();
    NDArray known = first.call(ids, given == null ? Tensors.onesLike(ids) : given);
    return network.forward(table.of(known), training);
  }
}
