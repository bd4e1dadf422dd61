package io.github.peft4j.io.gguf;

import io.github.peft4j.io.HalfPrecision;

/**
 * How runs of numbers become bytes and back. A run is a block; its bytes have what its numbers
 * share, such as a scale, and a few bits for each number.
 *
 * <p>All arithmetic is in single precision, in the order of operations of the gguf package of
 * Python, so that the results are the same to the bit.
 */
interface Blocks {

  /** Elements of a block. */
  int elements();

  /** Bytes of a block. */
  int bytes();

  /**
   * Decodes a block.
   *
   * @param at where the block starts
   * @param to where its values go
   */
  void decode(byte[] blocks, int at, float[] values, int to);

  /** A block type that numbers can be rounded to. */
  interface Writable extends Blocks {
    /**
     * Encodes a block.
     *
     * @param values finite numbers
     * @param from where the block's values start
     * @param at where the block goes
     */
    void encode(float[] values, int from, byte[] blocks, int at);
  }

  /** The half at this place. */
  static float half(byte[] blocks, int at) {
    return HalfPrecision.float16ToFloat((short) ((blocks[at] & 0xff) | (blocks[at + 1] << 8)));
  }

  /**
   * Writes a half.
   *
   * @throws IllegalArgumentException if the value is finite, and beyond the largest half
   */
  static void putHalf(byte[] blocks, int at, float value) {
    short half = HalfPrecision.floatToFloat16(value);
    if ((half & 0x7fff) == 0x7c00 && Float.isFinite(value)) {
      throw new IllegalArgumentException(
          "%s is to be stored in 16 bits, and 65504 is the largest such number; write BF16 or F32"
              .formatted(value));
    }
    blocks[at] = (byte) half;
    blocks[at + 1] = (byte) (half >> 8);
  }

  /** The four bytes at this place as an integer. */
  static int int32(byte[] blocks, int at) {
    return (blocks[at] & 0xff)
        | ((blocks[at + 1] & 0xff) << 8)
        | ((blocks[at + 2] & 0xff) << 16)
        | (blocks[at + 3] << 24);
  }

  /** Writes an integer of four bytes. */
  static void putInt32(byte[] blocks, int at, int value) {
    for (int i = 0; i < Integer.BYTES; i++) {
      blocks[at + i] = (byte) (value >> (8 * i));
    }
  }

  /** The reciprocal that numbers are multiplied with, 0 for 0. */
  static float reciprocal(float scale) {
    return scale == 0 ? 0 : 1 / scale;
  }

  /**
   * A non-negative quotient as a code, cut off. Numbers below 10⁻³⁸ have an infinite reciprocal;
   * their quotients are not finite, and their code is 0 as in Python.
   */
  static int code(float quotient, int most) {
    return Float.isFinite(quotient) ? Math.min((int) quotient, most) : 0;
  }
}
