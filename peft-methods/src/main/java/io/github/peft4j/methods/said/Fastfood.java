package io.github.peft4j.methods.said;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.TorchRandom;

/**
 * The Fastfood transform (Le et al. 2013) of θ [k] to a tensor of D elements: H G Π H B θ, with the
 * Walsh-Hadamard matrix H of size L, the power of 2 that is not below D; random signs B; a random
 * permutation Π; and normal numbers G. It is divided by √(L Σ G²) √(D / L). θ is padded with zeros
 * to L numbers, or cut.
 *
 * @param signs B, of the numbers of θ that count
 * @param order Π (L)
 * @param weights G (L)
 */
record Fastfood(NDArray signs, NDArray order, NDArray weights, long elements, double factor)
    implements AutoCloseable {

  /**
   * Draws the projection of a tensor.
   *
   * @param elements D
   * @param k the size of θ
   * @param seed of this tensor's random numbers
   * @param manager owns the projection's arrays
   */
  static Fastfood draw(long elements, long k, long seed, NDManager manager) {
    int size = Math.toIntExact(padded(elements));
    int used = (int) Math.min(k, size);
    float[] signs;
    int[] order = new int[size];
    NDArray weights;
    try (TorchRandom random = new TorchRandom(seed)) {
      signs = random.uniform(1, used);
      long[] drawn = random.permutation(size);
      for (int i = 0; i < size; i++) {
        order[i] = (int) drawn[i];
      }
      weights = random.normal(manager, Precision.FLOAT32, 1, size);
    }
    for (int i = 0; i < used; i++) {
      signs[i] = signs[i] < 0 ? -1 : 1;
    }
    double length;
    try (NDArray norm = weights.norm()) {
      length = norm.getFloat();
    }
    double factor = 1 / (Math.sqrt(size) * length * Math.sqrt(elements / (double) size));
    return new Fastfood(
        Scope.release(manager.create(signs)),
        Scope.release(manager.create(order)),
        Scope.release(weights),
        elements,
        factor);
  }

  private static long padded(long elements) {
    long highest = Long.highestOneBit(elements);
    return highest == elements ? highest : 2 * highest;
  }

  /** L. */
  long size() {
    return padded(elements);
  }

  @Override
  public void close() {
    signs.close();
    order.close();
    weights.close();
  }
}
