package io.github.peft4j.io.gguf;

/**
 * Blocks of 32 numbers of four or five bits: Q4_0, Q4_1, Q5_0 and Q5_1.
 *
 * <pre>{@code
 * x = d · (q - 8)      Q4_0, and Q5_0 with 16
 * x = d · q + m        Q4_1, Q5_1
 *
 * d (half) [m (half)] [fifth bits (4 bytes)] lower bits: number j beside number j + 16 (16 bytes)
 * }</pre>
 *
 * @param hasMinimum whether a block has the least number m
 * @param bits of a number
 */
record NibbleBlocks(boolean hasMinimum, int bits) implements Blocks.Writable {

  private static final int ELEMENTS = 32;
  private static final int HALF = ELEMENTS / 2;

  @Override
  public int elements() {
    return ELEMENTS;
  }

  @Override
  public int bytes() {
    return nibbles() + HALF;
  }

  private int fifths() {
    return hasMinimum ? 4 : 2;
  }

  private int nibbles() {
    return fifths() + (bits == 5 ? 4 : 0);
  }

  @Override
  public void decode(byte[] blocks, int at, float[] values, int to) {
    float d = Blocks.half(blocks, at);
    float m = hasMinimum ? Blocks.half(blocks, at + 2) : 0;
    int zero = hasMinimum ? 0 : 1 << (bits - 1);
    int high = bits == 5 ? Blocks.int32(blocks, at + fifths()) : 0;
    int low = at + nibbles();
    for (int j = 0; j < HALF; j++) {
      int pair = blocks[low + j];
      int first = (pair & 15) | ((high >>> j & 1) << 4);
      int second = (pair >> 4 & 15) | ((high >>> (j + HALF) & 1) << 4);
      values[to + j] = value(d, first - zero, m);
      values[to + j + HALF] = value(d, second - zero, m);
    }
  }

  /** Without a minimum nothing is added: a sum with 0 would change the sign of -0. */
  private float value(float d, int q, float m) {
    return hasMinimum ? d * q + m : d * q;
  }

  @Override
  public void encode(float[] values, int from, byte[] blocks, int at) {
    float d;
    float m = 0;
    float half;
    if (hasMinimum) {
      float max = values[from];
      m = values[from];
      for (int j = 1; j < ELEMENTS; j++) {
        max = Math.max(max, values[from + j]);
        m = Math.min(m, values[from + j]);
      }
      d = (max - m) / ((1 << bits) - 1);
      half = 0.5f;
      Blocks.putHalf(blocks, at + 2, m);
    } else {
      float largest = values[from]; // with its sign
      for (int j = 1; j < ELEMENTS; j++) {
        largest = Math.abs(values[from + j]) > Math.abs(largest) ? values[from + j] : largest;
      }
      d = largest / -(1 << (bits - 1));
      half = (1 << (bits - 1)) + 0.5f;
    }
    Blocks.putHalf(blocks, at, d);
    float id = Blocks.reciprocal(d);
    int most = (1 << bits) - 1;
    int high = 0;
    int low = at + nibbles();
    for (int j = 0; j < HALF; j++) {
      int first = Blocks.code(quotient(values[from + j], m, id, half), most);
      int second = Blocks.code(quotient(values[from + j + HALF], m, id, half), most);
      high |= (first >> 4 << j) | (second >> 4 << (j + HALF));
      blocks[low + j] = (byte) ((first & 15) | (second << 4));
    }
    if (bits == 5) {
      Blocks.putInt32(blocks, at + fifths(), high);
    }
  }

  private static float quotient(float x, float m, float id, float half) {
    return (x - m) * id + half;
  }
}
