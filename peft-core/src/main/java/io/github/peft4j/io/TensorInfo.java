package io.github.peft4j.io;

import java.util.Arrays;

/**
 * The name, type and shape of a tensor. Data is in row-major order; a scalar has the shape {@code
 * []}.
 *
 * @param name the name in the file, such as {@code encoder.layer.0.output.dense.weight}
 * @param dtype the element type
 * @param shape the length of each dimension, outermost first
 */
public record TensorInfo(String name, DType dtype, long[] shape) {

  /**
   * @throws IllegalArgumentException if a dimension is negative, or the tensor has 2⁶³ bytes or
   *     more
   */
  public TensorInfo {
    shape = shape.clone();
    byteCount(name, dtype, shape);
  }

  /** Returns a copy of the shape. */
  @Override
  public long[] shape() {
    return shape.clone();
  }

  /** Returns the number of elements, 1 for a scalar. */
  public long elementCount() {
    return byteCount() / dtype.bytes();
  }

  /** Returns the number of bytes that the data takes. */
  public long byteCount() {
    return byteCount(name, dtype, shape);
  }

  private static long byteCount(String name, DType dtype, long[] shape) {
    long count = 1;
    try {
      for (long length : shape) {
        if (length < 0) {
          throw new IllegalArgumentException(
              "tensor %s: shape %s has a negative dimension"
                  .formatted(name, Arrays.toString(shape)));
        }
        count = Math.multiplyExact(count, length);
      }
      return Math.multiplyExact(count, (long) dtype.bytes());
    } catch (ArithmeticException e) {
      throw new IllegalArgumentException(
          "tensor %s: shape %s of %s overflows a 64-bit byte count"
              .formatted(name, Arrays.toString(shape), dtype),
          e);
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof TensorInfo that
        && name.equals(that.name)
        && dtype == that.dtype
        && Arrays.equals(shape, that.shape);
  }

  @Override
  public int hashCode() {
    return 31 * (31 * name.hashCode() + dtype.hashCode()) + Arrays.hashCode(shape);
  }

  /** Returns, for example, {@code lora_A.weight F32[8, 768]}. */
  @Override
  public String toString() {
    return name + " " + dtype + Arrays.toString(shape);
  }
}
