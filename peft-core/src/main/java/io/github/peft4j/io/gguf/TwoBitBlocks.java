package io.github.peft4j.io.gguf;

/**
 * Blocks of 256 numbers of two bits in 16 parts with a scale and a minimum each, Q2_K.
 *
 * <pre>{@code
 * x = d · scale · q - e · minimum
 *
 * scale and minimum (16 × 4 + 4 bits) q (64 bytes, see QUARTER) d (half) e (half)
 * }</pre>
 */
record TwoBitBlocks() implements Blocks {

  static final int ELEMENTS = 256;

  /** Elements with one scale. */
  static final int PART = 16;

  /** Each byte of 32 has two bits of four numbers, which are 32 apart. */
  static final int QUARTER = 32;

  private static final int CODES = ELEMENTS / PART;
  private static final int D = CODES + ELEMENTS / 4;

  @Override
  public int elements() {
    return ELEMENTS;
  }

  @Override
  public int bytes() {
    return D + 4;
  }

  @Override
  public void decode(byte[] blocks, int at, float[] values, int to) {
    float d = Blocks.half(blocks, at + D);
    float e = Blocks.half(blocks, at + D + 2);
    for (int part = 0; part < ELEMENTS / PART; part++) {
      int both = blocks[at + part];
      float scale = d * (both & 15);
      float minimum = e * (both >> 4 & 15);
      int first = part * PART;
      int low = at + CODES + low(first);
      int shift = shift(first);
      for (int j = 0; j < PART; j++) {
        values[to + first + j] = scale * (blocks[low + j] >> shift & 3) - minimum;
      }
    }
  }

  /** The byte with the two bits of an element, counted from the first. */
  static int low(int element) {
    return element / (4 * QUARTER) * QUARTER + element % QUARTER;
  }

  /** Where in the byte the two bits are. */
  static int shift(int element) {
    return element / QUARTER % 4 * 2;
  }
}
