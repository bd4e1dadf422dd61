package io.github.peft4j.train.embedding;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Ops;
import io.github.peft4j.kernel.Tensors;
import java.util.Arrays;

/**
 * The vectors of a batch's texts: k of each of n examples, such as an anchor and a positive.
 *
 * @param all (k · n, D) in 32 or 64 bits: the first texts of all examples, then their second texts,
 *     …
 * @param examples n
 * @param scores [n] how alike the texts of each example are; empty if examples have no scores
 */
@SuppressWarnings("ArrayRecordComponent") // Nobody compares them.
public record TextVectors(NDArray all, int examples, double[] scores) {

  private static final Kernel SHRUNK =
      Kernel.of(
          """
          def shrunk(x: Tensor, size: Tensor) -> Tensor:            # (B, D) → (B, d)
              first = torch.narrow(x, 1, 0, int(size))
              return torch.div(first, torch.clamp(torch.norm(first, 2, [1], True), 1e-12))
          """);
  private static final Kernel LIKE =
      Kernel.of(
          """
          def like(scores: Tensor, x: Tensor) -> Tensor:
              return scores.to(x.dtype)
          """);

  /** k, the number of texts of each example. */
  public int texts() {
    return (int) (all.getShape().get(0) / examples);
  }

  /**
   * The vectors of one text of each example: (n, D).
   *
   * @param text from 0
   */
  public NDArray text(int text) {
    return rows(text, 1);
  }

  /** The vectors of all texts but the first of each example: ((k - 1) · n, D). */
  public NDArray others() {
    return rows(1, texts() - 1);
  }

  private NDArray rows(int text, int count) {
    return Ops.narrow(all, (long) text * examples, (long) count * examples);
  }

  /** The scores as an array (n) of the vectors' type. */
  public NDArray scoreArray() {
    return LIKE.call(all.getManager().create(scores), all);
  }

  /**
   * The first numbers of each vector, brought to length 1.
   *
   * @param size how many, from 1 to D
   * @throws IllegalArgumentException if vectors are shorter
   */
  public TextVectors shrunk(int size) {
    if (size > all.getShape().get(1)) {
      throw new IllegalArgumentException(
          "%d numbers of each vector, but the model's vectors have %d"
              .formatted(size, all.getShape().get(1)));
    }
    return new TextVectors(SHRUNK.call(all, Tensors.scalar(size)), examples, scores);
  }

  @Override
  public String toString() {
    return "%d vectors of %d examples, scores %s"
        .formatted(all.getShape().get(0), examples, Arrays.toString(scores));
  }
}
