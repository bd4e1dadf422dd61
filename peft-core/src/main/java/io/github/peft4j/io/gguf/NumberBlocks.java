package io.github.peft4j.io.gguf;

import io.github.peft4j.io.DType;
import io.github.peft4j.io.HalfPrecision;

/**
 * Plain numbers, each a block of its own: F32, F16 and BF16.
 *
 * @param dtype of a number
 */
record NumberBlocks(DType dtype) implements Blocks.Writable {

  @Override
  public int elements() {
    return 1;
  }

  @Override
  public int bytes() {
    return dtype.bytes();
  }

  @Override
  public void decode(byte[] blocks, int at, float[] values, int to) {
    values[to] =
        switch (dtype) {
          case F32 -> Float.intBitsToFloat(Blocks.int32(blocks, at));
          case F16 -> Blocks.half(blocks, at);
          case BF16 -> Float.intBitsToFloat(((blocks[at] & 0xff) << 16) | (blocks[at + 1] << 24));
          default -> throw new AssertionError(dtype);
        };
  }

  @Override
  public void encode(float[] values, int from, byte[] blocks, int at) {
    float x = values[from];
    switch (dtype) {
      case F32 -> Blocks.putInt32(blocks, at, Float.floatToRawIntBits(x));
      case F16 -> Blocks.putHalf(blocks, at, x);
      case BF16 -> {
        short bits = HalfPrecision.floatToBfloat16(x);
        blocks[at] = (byte) bits;
        blocks[at + 1] = (byte) (bits >> 8);
      }
      default -> throw new AssertionError(dtype);
    }
  }
}
