package io.github.peft4j.io.gguf;

/**
 * Blocks of 256 numbers of four or five bits in 8 parts with a scale and a minimum each: Q4_K and
 * Q5_K.
 *
 * <pre>{@code
 * x = d · scale · q - e · minimum
 *
 * d (half) e (half) scales and minima (12 bytes)
 * [fifth bits (32 bytes: bit i of byte j is that of number 32 i + j)]
 * lower bits (4 × 32 bytes, each with those of two numbers that are 32 apart)
 * }</pre>
 *
 * @param bits of a number
 */
record ScaledNibbleBlocks(int bits) implements Blocks {

  private static final int ELEMENTS = 256;

  /** Elements with one scale. */
  private static final int PART = 32;

  private static final int SCALES = 4;
  private static final int REST = SCALES + 12;

  @Override
  public int elements() {
    return ELEMENTS;
  }

  @Override
  public int bytes() {
    return nibbles() + ELEMENTS / 2;
  }

  private int nibbles() {
    return REST + (bits == 5 ? PART : 0);
  }

  @Override
  public void decode(byte[] blocks, int at, float[] values, int to) {
    float d = Blocks.half(blocks, at);
    float e = Blocks.half(blocks, at + 2);
    for (int part = 0; part < ELEMENTS / PART; part++) {
      float scale = d * scale(blocks, at + SCALES, part);
      float minimum = e * minimum(blocks, at + SCALES, part);
      int low = at + nibbles() + part / 2 * PART;
      int shift = part % 2 * 4;
      int first = to + part * PART;
      for (int j = 0; j < PART; j++) {
        int q = blocks[low + j] >> shift & 15;
        if (bits == 5) {
          q |= (blocks[at + REST + j] >> part & 1) << 4;
        }
        values[first + j] = scale * q - minimum;
      }
    }
  }

  /** Six bits: of byte i, or for the last four of bytes i + 4 (lower) and i - 4 (upper). */
  private static int scale(byte[] blocks, int at, int i) {
    return i < 4
        ? blocks[at + i] & 63
        : (blocks[at + i + 4] & 15) | (blocks[at + i - 4] >> 2 & 0x30);
  }

  /** Six bits: of byte i + 4, or for the last four of bytes i + 4 (upper half) and i. */
  private static int minimum(byte[] blocks, int at, int i) {
    return i < 4
        ? blocks[at + i + 4] & 63
        : (blocks[at + i + 4] >> 4 & 15) | (blocks[at + i] >> 2 & 0x30);
  }
}
