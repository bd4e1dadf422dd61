package io.github.peft4j.train.embedding;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import java.util.Locale;

/** How far apart two vectors are, as in PyTorch. */
public enum Distance {
  /** 1 − cosine. */
  COSINE(
      """
      def distance(x: Tensor, y: Tensor) -> Tensor:                 # (n, D), (n, D) → (n)
          return torch.rsub(torch.cosine_similarity(x, y, 1, 1e-08), 1)
      """),
  /** |x − y + 10⁻⁶|₂. */
  EUCLIDEAN(
      """
      def distance(x: Tensor, y: Tensor) -> Tensor:
          return torch.pairwise_distance(x, y, 2.0, 9.9999999999999995e-07)
      """),
  /** |x − y + 10⁻⁶|₁. */
  MANHATTAN(
      """
      def distance(x: Tensor, y: Tensor) -> Tensor:
          return torch.pairwise_distance(x, y, 1.0, 9.9999999999999995e-07)
      """);

  private final Kernel kernel;

  Distance(String source) {
    this.kernel = Kernel.of(source);
  }

  String words() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** The distances of the rows of two arrays (n, D): (n). */
  public NDArray of(NDArray x, NDArray y) {
    return kernel.call(x, y);
  }
}
