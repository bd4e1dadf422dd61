package io.github.peft4j.io.gguf;

import java.util.Arrays;

/**
 * The name, type, shape and place of a tensor in a GGUF file.
 *
 * @param name the name in the file, such as {@code blk.0.attn_q.weight}
 * @param type how the numbers are stored
 * @param shape the length of each dimension, outermost first as in PyTorch; the file has them the
 *     other way round
 * @param offset the first byte, counted from the start of the file
 */
public record GgufTensor(String name, GgufType type, long[] shape, long offset) {

  /**
   * @throws IllegalArgumentException if a dimension is negative, the innermost one is no multiple
   *     of the type's block, or the tensor has 2⁶³ bytes or more
   */
  public GgufTensor {
    shape = shape.clone();
    byteCount(name, type, shape);
  }

  /** Returns a copy of the shape. */
  @Override
  public long[] shape() {
    return shape.clone();
  }

  /** The number of elements, 1 for a scalar. */
  public long elementCount() {
    return Arrays.stream(shape).reduce(1, Math::multiplyExact);
  }

  /** The number of bytes that the data takes, without the padding behind it. */
  public long byteCount() {
    return byteCount(name, type, shape);
  }

  private static long byteCount(String name, GgufType type, long[] shape) {
    try {
      return type.byteCount(shape);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("tensor %s: %s".formatted(name, e.getMessage()), e);
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof GgufTensor that
        && name.equals(that.name)
        && type == that.type
        && offset == that.offset
        && Arrays.equals(shape, that.shape);
  }

  @Override
  public int hashCode() {
    return 31 * (31 * name.hashCode() + type.hashCode()) + Arrays.hashCode(shape);
  }

  /** Returns, for example, {@code blk.0.attn_q.weight Q4_1[576, 576]}. */
  @Override
  public String toString() {
    return name + " " + type + Arrays.toString(shape);
  }
}
