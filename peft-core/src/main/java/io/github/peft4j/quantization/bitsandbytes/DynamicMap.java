package io.github.peft4j.quantization.bitsandbytes;

import java.util.Arrays;

/**
 * The 256 numbers that a code of 8 bits stands for, up to the factor of its block. Their exponents
 * are dynamic: the smaller a number is, the fewer bits are left for its fraction (Dettmers 2015,
 * arXiv:1511.04561). The values are those of bitsandbytes' {@code create_dynamic_map}, bit for bit.
 */
public final class DynamicMap {

  /** The numbers of codes. */
  private static final int SIZE = 256;

  /** The powers of ten: from 1e-6 to 1. */
  private static final int EXPONENTS = 7;

  private DynamicMap() {}

  /**
   * The numbers in ascending order, from -0.993 or 0 to 1.
   *
   * @param signed whether half of them are negative
   */
  public static float[] values(boolean signed) {
    float[] values = new float[SIZE];
    int count = 2; // 0 and 1
    values[1] = 1;
    for (int e = 0; e < EXPONENTS; e++) {
      float power = (float) Math.pow(10, e + 1 - EXPONENTS);
      int fractions = 1 << (signed ? e : e + 1);
      for (int i = 0; i < fractions; i++) {
        float middle = (boundary(i, fractions) + boundary(i + 1, fractions)) / 2;
        values[count++] = power * middle;
        if (signed) {
          values[count++] = -(power * middle);
        }
      }
    }
    Arrays.sort(values);
    return values;
  }

  /** The i-th of n + 1 numbers from 0.1 to 1 at equal distances, as PyTorch's linspace has them. */
  private static float boundary(int i, int n) {
    float step = (1 - 0.1f) / n;
    return i < (n + 1) / 2 ? Math.fma(step, i, 0.1f) : Math.fma(-step, n - i, 1);
  }

  /**
   * The 255 middles between neighbours, and infinity. The code of the number that is nearest to x
   * is the number of middles below x.
   */
  public static float[] middles(float... values) {
    float[] middles = new float[values.length];
    for (int i = 0; i < middles.length - 1; i++) {
      middles[i] = (values[i] + values[i + 1]) / 2;
    }
    middles[middles.length - 1] = Float.POSITIVE_INFINITY;
    return middles;
  }

  /**
   * The number of middles below all numbers whose upper 16 bits are the same, for each of these.
   * The bits are the index, as a signed number plus 2¹⁵. No more than one middle is among such
   * numbers: so a code takes one comparison beside this table.
   */
  public static byte[] starts(float... middles) {
    byte[] starts = new byte[1 << 16];
    for (int i = 0; i < starts.length; i++) {
      int bits = (i - (1 << 15)) << 16;
      float least = Float.intBitsToFloat(bits < 0 ? bits | 0xffff : bits);
      int at = Float.isNaN(least) ? 0 : Arrays.binarySearch(middles, least);
      starts[i] = (byte) (at < 0 ? -at - 1 : at);
    }
    return starts;
  }
}
