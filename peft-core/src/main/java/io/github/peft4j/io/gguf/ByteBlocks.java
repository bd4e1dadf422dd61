package io.github.peft4j.io.gguf;

/**
 * Blocks of 32 numbers of eight bits, Q8_0.
 *
 * <pre>{@code
 * x = d · q
 *
 * d (half) q (32 signed bytes)
 * }</pre>
 */
record ByteBlocks() implements Blocks.Writable {

  private static final int ELEMENTS = 32;
  private static final int LARGEST = 127;

  @Override
  public int elements() {
    return ELEMENTS;
  }

  @Override
  public int bytes() {
    return 2 + ELEMENTS;
  }

  @Override
  public void decode(byte[] blocks, int at, float[] values, int to) {
    float d = Blocks.half(blocks, at);
    for (int j = 0; j < ELEMENTS; j++) {
      values[to + j] = d * blocks[at + 2 + j];
    }
  }

  @Override
  public void encode(float[] values, int from, byte[] blocks, int at) {
    float most = 0;
    for (int j = 0; j < ELEMENTS; j++) {
      most = Math.max(most, Math.abs(values[from + j]));
    }
    float d = most / LARGEST;
    Blocks.putHalf(blocks, at, d);
    float id = Blocks.reciprocal(d);
    for (int j = 0; j < ELEMENTS; j++) {
      blocks[at + 2 + j] = rounded(values[from + j] * id);
    }
  }

  /** Rounds to the nearest whole number, halves away from zero. */
  private static byte rounded(float x) {
    float size = Math.abs(x);
    if (!Float.isFinite(size)) {
      return 0; // a number below 10⁻³⁸, as in Blocks.code
    }
    int whole = (int) size;
    int nearest = whole + (int) (2 * (size - whole));
    return (byte) (x < 0 ? -nearest : nearest);
  }
}
