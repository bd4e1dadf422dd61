package io.github.peft4j.io.gguf;

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
record SixBitBlocks() implements Blocks {

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
}
