package io.github.peft4j.io.gguf;

import java.util.Arrays;

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
record ScaledNibbleBlocks(int bits) implements Blocks.Writable {

  private static final int ELEMENTS = 256;

  /** Elements with one scale. */
  private static final int PART = AffineFit.PART;

  private static final int PARTS = ELEMENTS / PART;
  private static final int MOST_SCALE = 63;

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

  /** As llama.cpp's {@code quantize_row_q4_K_ref} and {@code quantize_row_q5_K_ref}. */
  @Override
  public void encode(float[] values, int from, byte[] blocks, int at) {
    AffineFit fit = bits == 4 ? new AffineFit(15, -1, 20) : new AffineFit(31, -0.5f, 15);
    int[] codes = new int[ELEMENTS];
    float[] scales = new float[PARTS];
    float[] minima = new float[PARTS];
    float largestScale = 0;
    float largestMinimum = 0;
    for (int part = 0; part < PARTS; part++) {
      fit.fit(values, from + part * PART);
      for (int j = 0; j < PART; j++) {
        codes[part * PART + j] = fit.code(j);
      }
      scales[part] = fit.scale();
      minima[part] = fit.minimum();
      largestScale = Math.max(largestScale, scales[part]);
      largestMinimum = Math.max(largestMinimum, minima[part]);
    }
    Blocks.putHalf(blocks, at, largestScale / MOST_SCALE);
    Blocks.putHalf(blocks, at + 2, largestMinimum / MOST_SCALE);
    Arrays.fill(blocks, at + SCALES, at + REST, (byte) 0);
    for (int part = 0; part < PARTS; part++) {
      put(
          blocks,
          at + SCALES,
          part,
          six(scales[part], largestScale),
          six(minima[part], largestMinimum));
    }
    round(values, from, blocks, at, codes);
    pack(codes, blocks, at);
  }

  private static int six(float value, float largest) {
    float inverse = largest > 0 ? MOST_SCALE / largest : 0;
    return Math.min(MOST_SCALE, (int) Math.rint(inverse * value) & 0xff);
  }

  /** The other direction of {@link #scale} and {@link #minimum}. */
  private static void put(byte[] blocks, int at, int i, int scale, int minimum) {
    if (i < 4) {
      blocks[at + i] = (byte) scale;
      blocks[at + i + 4] = (byte) minimum;
    } else {
      blocks[at + i + 4] = (byte) ((scale & 15) | ((minimum & 15) << 4));
      blocks[at + i - 4] |= (byte) (scale >> 4 << 6);
      blocks[at + i] |= (byte) (minimum >> 4 << 6);
    }
  }

  /** The codes with scales and minima as they are stored; without a scale they stay as they are. */
  private void round(float[] values, int from, byte[] blocks, int at, int[] codes) {
    float d = Blocks.half(blocks, at);
    float e = Blocks.half(blocks, at + 2);
    int most = (1 << bits) - 1;
    for (int part = 0; part < PARTS; part++) {
      float scale = d * scale(blocks, at + SCALES, part);
      float minimum = e * minimum(blocks, at + SCALES, part);
      for (int i = part * PART; scale != 0 && i < (part + 1) * PART; i++) {
        int q = (int) Math.rint((values[from + i] + minimum) / scale);
        codes[i] = Math.max(0, Math.min(most, q));
      }
    }
  }

  private void pack(int[] codes, byte[] blocks, int at) {
    Arrays.fill(blocks, at + REST, at + bytes(), (byte) 0);
    for (int i = 0; i < ELEMENTS; i++) {
      int part = i / PART;
      int j = i % PART;
      blocks[at + nibbles() + part / 2 * PART + j] |= (byte) ((codes[i] & 15) << (part % 2 * 4));
      if (bits == 5) {
        blocks[at + REST + j] |= (byte) (codes[i] >> 4 << part);
      }
    }
  }
}
