package io.github.peft4j.methods.tokens;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.TunerLayer;

/** The logits of an output that shares the token table: those of trained tokens from their rows. */
final class TokenLogits extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final Kernel REPLACE =
      Kernel.of(
          """
          def replace(x: Tensor, y: Tensor, tokens: Tensor, rows: Tensor) -> Tensor:
              return torch.index_copy(y, -1, tokens, torch.linear(x, rows.to(x.dtype)))
          """);

  private final TokenRows rows;

  TokenLogits(TokenRows rows) {
    this.rows = rows;
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, d)
    return REPLACE.call(x, base.forward(x), rows.tokens(), rows.rows()); // (…, V)
  }

  @Override
  public NDArray merge(NDArray table) {
    return rows.merge(table);
  }
}
