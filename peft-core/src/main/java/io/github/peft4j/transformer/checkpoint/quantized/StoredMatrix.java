package io.github.peft4j.transformer.checkpoint.quantized;

import io.github.peft4j.io.DType;
import io.github.peft4j.kernel.TensorLoader;
import io.github.peft4j.quantization.FrozenMatrix;

/** A matrix (out, in) that a checkpoint stores in fewer bits, in several tensors. */
interface StoredMatrix {

  long out();

  long in();

  /** The type of the numbers that were quantised. */
  DType type();

  /**
   * Loads it. Its parts have been checked.
   *
   * @param transposed whether the model keeps the weight as (in, out)
   */
  FrozenMatrix load(TensorLoader loader, boolean transposed);
}
