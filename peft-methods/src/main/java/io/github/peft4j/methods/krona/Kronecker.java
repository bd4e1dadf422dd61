package io.github.peft4j.methods.krona;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.config.Configs;
import io.github.peft4j.tuner.injection.Initializer;

/**
 * The factors of A ⊗ B [out, in] at the start: A [aOut, aIn] is random and B [out / aOut, in / aIn]
 * is zero.
 */
record Kronecker(NDArray a, NDArray b) {

  /** A kernel that adds s (A ⊗ B) x to y. With x as a matrix X [aIn, in / aIn], it is A X Bᵀ. */
  static final String ADD =
      """
      def add(x: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:
          grid = torch.reshape(x, [-1, torch.size(a, 1), torch.size(b, 1)])
          right = torch.linear(grid, b.to(x.dtype))                        # (N, aIn, out / aOut)
          product = torch.matmul(a.to(x.dtype), right)                     # (N, aOut, out / aOut)
          return torch.add(y, torch.reshape(product, torch.size(y)), alpha={scale})
      """;

  /**
   * The factors for a map.
   *
   * @param place the map's name, for errors
   * @throws IllegalArgumentException if a side of A does not divide the map's
   */
  static Kronecker of(KronaConfig config, long out, long in, String place, Initializer initial) {
    divides("a_out", config.aOut(), out, "outputs of " + place);
    divides("a_in", config.aIn(), in, "inputs of " + place);
    return new Kronecker(
        initial.kaimingUniform(config.aOut(), config.aIn()),
        initial.zeros(out / config.aOut(), in / config.aIn()));
  }

  private static void divides(String field, int side, long size, String of) {
    Configs.require(
        size % side == 0, KronaConfig.class, field, side, "a divisor of " + size + ", the " + of);
  }
}
