package io.github.peft4j.io;

/**
 * The element type of a tensor in a file, under the name that safetensors gives it.
 *
 * <p>Constants are declared in ascending order of alignment, as in Hugging Face's {@code Dtype} (<a
 * href="https://github.com/huggingface/safetensors/blob/main/safetensors/src/tensor.rs">tensor.rs</a>):
 * its writer lays tensors out by this order, reversed.
 */
public enum DType {
  /** One byte, 0 or 1. */
  BOOL(1),
  /** Unsigned 8-bit integer. */
  U8(1),
  /** Signed 8-bit integer. */
  I8(1),
  /** Signed 16-bit integer. */
  I16(2),
  /** IEEE 754 half precision. */
  F16(2),
  /** The upper half of an {@link #F32}. */
  BF16(2),
  /** Signed 32-bit integer. */
  I32(4),
  /** IEEE 754 single precision. */
  F32(4),
  /** IEEE 754 double precision. */
  F64(8),
  /** Signed 64-bit integer. */
  I64(8);

  private final int bytes;

  DType(int bytes) {
    this.bytes = bytes;
  }

  /** Returns the size of one element in bytes. */
  public int bytes() {
    return bytes;
  }

  /** Returns whether elements are floating-point numbers. */
  public boolean isFloating() {
    return this == F16 || this == BF16 || this == F32 || this == F64;
  }
}
