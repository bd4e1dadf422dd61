package io.github.peft4j.generate;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Tensors;

/**
 * The k highest scores of each row and where they are, highest first. Both are copied to Java at
 * once, so that a GPU is waited for only once.
 */
final class Best {

  private static final Kernel TOP_K =
      Kernel.of(
          """
          def top_k(scores: Tensor, k: Tensor) -> Tensor:        # (B, N) → (B, 2k), float64
              values, places, = torch.topk(scores.to(6), int(k))
              return torch.cat([values.to(7), places.to(7)], 1)
          """);

  private final double[] packed;
  private final int k;

  private Best(double[] packed, int k) {
    this.packed = packed;
    this.k = k;
  }

  /** The k highest scores of each row of (B, N), at most N. */
  static Best of(NDArray scores, int k) {
    int width = (int) Math.min(k, scores.getShape().get(1));
    return new Best(TOP_K.call(scores, Tensors.scalar(width)).toDoubleArray(), width);
  }

  int size() {
    return k;
  }

  float score(int row, int rank) {
    return (float) packed[row * 2 * k + rank];
  }

  /** The index in the row. */
  long place(int row, int rank) {
    return (long) packed[row * 2 * k + k + rank];
  }
}
