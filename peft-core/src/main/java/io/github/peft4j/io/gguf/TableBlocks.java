package io.github.peft4j.io.gguf;

/**
 * Blocks of 32 numbers of four bits that stand for the numbers of a table, IQ4_NL.
 *
 * <pre>{@code
 * x = d · table[q]
 *
 * d (half) q: number j beside number j + 16 (16 bytes)
 * }</pre>
 */
record TableBlocks() implements Blocks {

  private static final int HALF = 16;

  private static final float[] TABLE = {
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113
  };

  @Override
  public int elements() {
    return 2 * HALF;
  }

  @Override
  public int bytes() {
    return 2 + HALF;
  }

  @Override
  public void decode(byte[] blocks, int at, float[] values, int to) {
    float d = Blocks.half(blocks, at);
    for (int j = 0; j < HALF; j++) {
      int pair = blocks[at + 2 + j];
      values[to + j] = d * TABLE[pair & 15];
      values[to + HALF + j] = d * TABLE[pair >> 4 & 15];
    }
  }
}
