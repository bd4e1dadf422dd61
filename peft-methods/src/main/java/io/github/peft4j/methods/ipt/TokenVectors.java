package io.github.peft4j.methods.ipt;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Declarations;
import io.github.peft4j.tuner.Trainable;
import java.util.function.Supplier;

/** The vectors E[x] of tokens, and a trained one for the places behind the end of a short text. */
final class TokenVectors {

  private static final Kernel LOOK_UP =
      Kernel.of(
          """
          def look_up(table: Tensor, end: Tensor, ids: Tensor) -> Tensor:   # ids (B, n), −1: the end
              known = torch.embedding(table, torch.clamp(ids, 0)).to(end.dtype)   # (B, n, d)
              return torch.where(torch.unsqueeze(torch.ge(ids, 0), -1), known, end)
          """);

  private final Supplier<NDArray> table;
  private final Trainable end;

  /**
   * Vectors that are not trained.
   *
   * @param table E (V, d)
   * @param end initial value of the vector (d) behind the end
   */
  TokenVectors(Supplier<NDArray> table, NDArray end, Declarations layer) {
    this.table = table;
    this.end = layer.trainable("prompt_end", end);
  }

  /**
   * Vectors that are trained.
   *
   * @param table initial value of E (V, d)
   * @param end initial value of the vector (d) behind the end
   */
  TokenVectors(NDArray table, NDArray end, Declarations layer) {
    this(layer.trainable("prompt_table.weight", table)::value, end, layer);
  }

  /** The vectors (B, n, d) of ids (B, n). */
  NDArray of(NDArray ids) {
    return LOOK_UP.call(table.get(), end.value(), ids);
  }
}
