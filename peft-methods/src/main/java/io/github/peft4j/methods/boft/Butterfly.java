package io.github.peft4j.methods.boft;

/** The permutations of block butterfly factors (section 4 of the paper). */
final class Butterfly {

  private Butterfly() {}

  /**
   * The permutation of one layer: within each stretch of the input, the half-blocks at even
   * positions come first, then those at odd positions. A block thus mixes half-blocks that were
   * apart.
   *
   * @param n number of inputs
   * @param stretch number of inputs that are permuted together
   * @param half half the size of a block
   * @param sorted false for the identity
   */
  static long[] order(int n, int stretch, int half, boolean sorted) {
    long[] order = new long[n];
    for (int i = 0; i < n; i++) {
      order[i] = i;
    }
    if (!sorted) {
      return order;
    }
    int pieces = stretch / half;
    for (int start = 0; start < n; start += stretch) {
      for (int piece = 0; piece < pieces; piece++) {
        int evens = (pieces + 1) / 2;
        int from = piece < evens ? 2 * piece : 2 * (piece - evens) + 1;
        for (int i = 0; i < half; i++) {
          order[start + piece * half + i] = start + (long) from * half + i;
        }
      }
    }
    return order;
  }

  static long[] inverse(long[] order) {
    long[] inverse = new long[order.length];
    for (int i = 0; i < order.length; i++) {
      inverse[(int) order[i]] = i;
    }
    return inverse;
  }

  static long[] flat(long[][] rows) {
    return java.util.Arrays.stream(rows).flatMapToLong(java.util.Arrays::stream).toArray();
  }
}
