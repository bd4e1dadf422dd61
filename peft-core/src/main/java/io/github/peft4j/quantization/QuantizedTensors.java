package io.github.peft4j.quantization;

import io.github.peft4j.io.TensorSource;
import io.github.peft4j.kernel.TensorLoader;

/**
 * Tensors of which some are matrices that are kept in fewer bits already. A model that is loaded
 * from them keeps such matrices as they are.
 *
 * <p>{@link #info} says the shape that a matrix has as plain numbers, and the type that its numbers
 * were made of. {@link #read} and {@link #region} are for plain tensors only: of a matrix in fewer
 * bits, {@code read} throws an {@link IllegalStateException}, and {@code region} is empty.
 */
public interface QuantizedTensors extends TensorSource {

  /** Whether a tensor is a matrix in fewer bits. */
  boolean isQuantized(String name);

  /**
   * Loads a matrix in fewer bits as it is stored.
   *
   * @param name of a tensor that {@linkplain #isQuantized is quantised}
   * @param transposed whether the model keeps this weight as (in, out); the matrix is (out, in)
   * @param loader of its parts; its precision is that of {@link FrozenMatrix#dense()}
   * @return the matrix, which the caller closes
   * @throws IllegalArgumentException if its parts do not fit together, naming the part, what it has
   *     and what was expected
   */
  FrozenMatrix matrix(String name, boolean transposed, TensorLoader loader);
}
