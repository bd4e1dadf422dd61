package io.github.peft4j.io.gguf;

/**
 * Blocks of 256 numbers of three bits in 16 parts with a scale each, Q3_K.
 *
 * <pre>{@code
 * x = d · (scale - 32) · (q - 4)
 *
 * third bits (32 bytes: bit i of byte j is that of number 32 i + j) lower bits (64 bytes, as Q2_K)
 * scales (12 bytes) d (half)
 * }</pre>
 */
record ThreeBitBlocks() implements Blocks {

  private static final int ELEMENTS = TwoBitBlocks.ELEMENTS;
  private static final int PART = TwoBitBlocks.PART;
  private static final int ROW = 32;

  private static final int CODES = ROW;
  private static final int SCALES = CODES + ELEMENTS / 4;
  private static final int D = SCALES + 12;

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
      float scale = d * scale(blocks, at + SCALES, part);
      int first = part * PART;
      int low = at + CODES + TwoBitBlocks.low(first);
      int shift = TwoBitBlocks.shift(first);
      int third = at + first % ROW;
      int bit = first / ROW;
      for (int j = 0; j < PART; j++) {
        int q = (blocks[low + j] >> shift & 3) | ((blocks[third + j] >> bit & 1) << 2);
        values[to + first + j] = scale * (q - 4);
      }
    }
  }

  /** Scale i: four bits in byte i % 8, and two more in byte 8 + i % 4. */
  private static int scale(byte[] blocks, int at, int i) {
    int low = blocks[at + i % 8] >> (i / 8 * 4) & 15;
    int high = blocks[at + 8 + i % 4] >> (i / 4 * 2) & 3;
    return (low | (high << 4)) - 32;
  }
}
