package io.github.peft4j.methods.said;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Declarations;
import io.github.peft4j.tuner.SharedTensor;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.injection.Initializer;
import java.util.ArrayList;
import java.util.List;

/**
 * What all tensors of an adapter read: θ [k], which starts at 0, the scales λ [m], which start at
 * 1, and the Hadamard matrix.
 */
final class Subspace implements AutoCloseable {

  /** The prefix of the tensors' keys. */
  static final String KEYS = "said_";

  private static final Kernel ALL =
      Kernel.of(
          """
          def all(theta: Tensor, scales: Tensor) -> Tensor:                # (k + m)
              return torch.cat([theta, scales])
          """);
  private static final Kernel COPY =
      Kernel.of(
          """
          def copy(theta: Tensor) -> Tensor:                               # (k)
              return torch.clone(theta)
          """);

  private final long size;
  private final int count;
  private final Hadamard hadamard;
  private final List<Trainable> parts = new ArrayList<>();
  private final SharedTensor values;

  /**
   * A subspace.
   *
   * @param size k
   * @param count m, 0 for a subspace without scales
   * @param hadamard belongs to the subspace then
   * @param layer of the adapter, which declares the tensors
   */
  Subspace(long size, int count, Hadamard hadamard, Initializer initial, Declarations layer) {
    this.size = size;
    this.count = count;
    this.hadamard = hadamard;
    parts.add(layer.trainable(KEYS + "theta", initial.zeros(size)));
    if (count > 0) {
      parts.add(layer.trainable(KEYS + "lambda", initial.filled(1, count)));
    }
    this.values = new SharedTensor(parts, context -> now());
  }

  /** k. */
  long size() {
    return size;
  }

  /** Whether there are scales. */
  boolean scales() {
    return count > 0;
  }

  /** The matrix (512, 512) of {@link Hadamard}. */
  NDArray hadamard() {
    return hadamard.matrix();
  }

  /** θ and λ as one tensor [k + m], computed once per pass. */
  SharedTensor values() {
    return values;
  }

  /** The same, outside a pass. */
  NDArray now() {
    return count > 0
        ? ALL.call(parts.get(0).value(), parts.get(1).value())
        : COPY.call(parts.get(0).value());
  }

  /** Frees the matrix. To do it again has no effect. */
  @Override
  public void close() {
    hadamard.close();
  }
}
