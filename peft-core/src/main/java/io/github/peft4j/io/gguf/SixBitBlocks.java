package io.github.peft4j.io.gguf;

import java.util.Arrays;

/**
 * Blocks of 256 numbers of six bits in 16 parts with a scale each, Q6_K.
 *
 * <pre>{@code
 * x = d · scale · (q - 32)
 *
 * lower bits (2 × 64 bytes, each with those of two numbers that are 64 apart)
 * upper bits (2 × 32 bytes, as Q2_K) scales (16 signed bytes) d (half)
 * }</pre>
 */
record SixBitBlocks() implements Blocks.Writable {

  private static final int ELEMENTS = TwoBitBlocks.ELEMENTS;
  private static final int PART = TwoBitBlocks.PART;

  private static final int HIGH = ELEMENTS / 2;
  private static final int SCALES = HIGH + ELEMENTS / 4;
  private static final int D = SCALES + ELEMENTS / PART;

  @Override
  public int elements() {
    return ELEMENTS;
  }

  @Override
  public int bytes() {
    return D + 2;
  }

  @Override
  public void decode(byte[] blocks, int at, float[] values, int to) {
    float d = Blocks.half(blocks, at + D);
    for (int part = 0; part < ELEMENTS / PART; part++) {
      float scale = d * blocks[at + SCALES + part];
      int first = part * PART;
      int low = at + first / 128 * 64 + first % 64;
      int nibble = first / 64 % 2 * 4;
      int high = at + HIGH + TwoBitBlocks.low(first);
      int shift = TwoBitBlocks.shift(first);
      for (int j = 0; j < PART; j++) {
        int q = (blocks[low + j] >> nibble & 15) | ((blocks[high + j] >> shift & 3) << 4);
        values[to + first + j] = scale * (q - 32);
      }
    }
  }

  /** As llama.cpp's {@code quantize_row_q6_K_ref}. */
  @Override
  public void encode(float[] values, int from, byte[] blocks, int at) {
    SignedFit fit = new SignedFit();
    int[] codes = new int[ELEMENTS];
    float[] scales = new float[ELEMENTS / PART];
    float largest = 0; // with its sign
    for (int part = 0; part < scales.length; part++) {
      scales[part] = fit.scale(values, from + part * PART);
      for (int j = 0; j < PART; j++) {
        codes[part * PART + j] = fit.code(j);
      }
      if (Math.abs(scales[part]) > Math.abs(largest)) {
        largest = scales[part];
      }
    }
    Arrays.fill(blocks, at, at + bytes(), (byte) 0);
    if (Math.abs(largest) < SignedFit.NOTHING) {
      return;
    }
    float inverse = -128 / largest;
    Blocks.putHalf(blocks, at + D, 1 / inverse);
    float d = Blocks.half(blocks, at + D);
    for (int part = 0; part < scales.length; part++) {
      byte scale = (byte) Math.min(127, (int) Math.rint(inverse * scales[part]));
      blocks[at + SCALES + part] = scale;
      for (int i = part * PART; d * scale != 0 && i < (part + 1) * PART; i++) {
        codes[i] = SignedFit.code(values[from + i] / (d * scale));
      }
    }
    for (int i = 0; i < ELEMENTS; i++) {
      int low = at + i / 128 * 64 + i % 64;
      blocks[low] |= (byte) ((codes[i] & 15) << (i / 64 % 2 * 4));
      blocks[at + HIGH + TwoBitBlocks.low(i)] |= (byte) (codes[i] >> 4 << TwoBitBlocks.shift(i));
    }
  }
}
