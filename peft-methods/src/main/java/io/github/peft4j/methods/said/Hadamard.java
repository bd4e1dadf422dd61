package io.github.peft4j.methods.said;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Scope;

/**
 * Products with Walsh-Hadamard matrices H of any size that is a power of 2. A large one is the
 * Kronecker product of small ones, so that a product with it is a few matrix products with small
 * ones.
 *
 * @param matrix the largest small matrix (512, 512), whose corners are the smaller ones
 */
record Hadamard(NDArray matrix) implements AutoCloseable {

  private static final int LARGEST = 512;

  private static final String FACTOR =
      """
          y = torch.matmul(torch.reshape(y, [-1, {size}]), h[:{size}, :{size}])
          y = torch.reshape(torch.transpose(y, 0, 1), [-1])
      """;

  /** Makes the matrix: an entry is -1 where row and column have an odd number of common bits. */
  static Hadamard create(NDManager manager) {
    float[] values = new float[LARGEST * LARGEST];
    for (int i = 0; i < values.length; i++) {
      values[i] = Integer.bitCount((i / LARGEST) & (i % LARGEST)) % 2 == 0 ? 1 : -1;
    }
    return new Hadamard(Scope.release(manager.create(values, new Shape(LARGEST, LARGEST))));
  }

  /**
   * A kernel function {@code hadamard(x, h)} that multiplies x (L) by H (L, L). h is the small
   * matrix. Each factor works on the last part of the index and brings it to the front.
   */
  static String function(long size) {
    StringBuilder source =
        new StringBuilder(
            "def hadamard(x: Tensor, matrix: Tensor) -> Tensor:\n    y = x\n    h = matrix.to(x.dtype)\n");
    long rest = size;
    do {
      long factor = Math.min(rest, LARGEST);
      source.append(FACTOR.replace("{size}", Long.toString(factor)));
      rest /= factor;
    } while (rest > 1);
    return source.append("    return y\n").toString();
  }

  @Override
  public void close() {
    matrix.close();
  }
}
