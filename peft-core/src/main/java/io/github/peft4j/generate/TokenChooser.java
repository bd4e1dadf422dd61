package io.github.peft4j.generate;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;

/** Chooses the next token of each row. */
@FunctionalInterface
interface TokenChooser {

  /** The token of a row that has none. */
  long NONE = -1;

  Kernel LIKELIEST =
      Kernel.of(
          """
          def likeliest(logits: Tensor) -> Tensor:               # (B, V) → (B); -1 if there is none
              best, places, = torch.max(logits, -1)
              return torch.where(torch.isfinite(best), places, -1)
          """);

  /** The next token of each row of logits (B, V), or {@link #NONE}. */
  long[] next(NDArray logits);

  /** The most likely token of each row, found on the device. */
  static TokenChooser greedy() {
    return logits -> LIKELIEST.call(logits).toLongArray();
  }

  /** The error of a text that cannot go on. */
  static IllegalStateException noToken() {
    return new IllegalStateException(
        "there is no next token: the best logit is not finite. Either the settings or logits"
            + " processors ban every token; or weights or adapter are broken, or too large for the"
            + " precision: try Precision.FLOAT32");
  }
}
