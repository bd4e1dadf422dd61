package io.github.peft4j.generate;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;

/** Chooses the next token of each row. */
@FunctionalInterface
interface TokenChooser {

  Kernel LIKELIEST =
      Kernel.of(
          """
          def likeliest(logits: Tensor) -> Tensor:               # (B, V) → (B)
              return torch.argmax(logits, -1)
          """);

  /** The next token of each row of logits (B, V). */
  long[] next(NDArray logits);

  /** The most likely token of each row, found on the device. */
  static TokenChooser greedy() {
    return logits -> LIKELIEST.call(logits).toLongArray();
  }
}
