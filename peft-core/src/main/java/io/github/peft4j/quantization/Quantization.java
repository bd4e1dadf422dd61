package io.github.peft4j.quantization;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Precision;

/**
 * A way to keep frozen matrices in fewer bits than their precision has. A model that is loaded with
 * one keeps the weights of its layers' linear maps so; embeddings, norms, heads and adapters stay
 * as they are.
 */
public interface Quantization {

  /**
   * Quantises a matrix.
   *
   * @param weight (out, in), or (in, out) if transposed; its shape {@linkplain #fits fits}. The
   *     caller keeps it
   * @param precision of {@link FrozenMatrix#dense()}
   */
  FrozenMatrix store(NDArray weight, boolean transposed, Precision precision);

  /** Whether a matrix of this shape can be kept so, by its sizes. */
  boolean fits(Shape shape);

  /**
   * Checks that a device computes with such matrices.
   *
   * @param precision of the model
   * @throws IllegalArgumentException saying what the device has, and what to do
   */
  void require(Device device, Precision precision);

  /** About how many bits a number takes, with its share of the scales. */
  double bitsPerNumber();

  /** What it is called in messages, such as {@code "NF4"}. */
  String named();
}
