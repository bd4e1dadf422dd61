package io.github.peft4j.io.gguf;

import java.util.Arrays;

/**
 * The scale of 16 numbers for Q6_K: x ≈ scale · q with a code q in [-32, 31]. The squared error,
 * weighted by x², is least among some scales near that of the largest number. So does llama.cpp
 * ({@code make_qx_quants}), in single precision and in this order.
 */
final class SignedFit {

  static final int PART = 16;

  /** Amounts below which all numbers count as 0. */
  static final float NOTHING = 1e-15f;

  private static final int MOST = 32;
  private static final int STEPS = 9;
  private static final float STEP = 0.1f;

  private final int[] codes = new int[PART];

  /** The code of a number with the scale that was found, from 0 to 63. */
  int code(int i) {
    return codes[i] + MOST;
  }

  /** A code of a number in another scale, from 0 to 63. */
  static int code(float quotient) {
    return clamp(quotient) + MOST;
  }

  private static int clamp(float quotient) {
    return Math.max(-MOST, Math.min(MOST - 1, (int) Math.rint(quotient)));
  }

  /** Finds the scale and the codes of the numbers from a place on. */
  float scale(float[] x, int from) {
    float largest = 0; // with its sign
    for (int i = 0; i < PART; i++) {
      if (Math.abs(x[from + i]) > Math.abs(largest)) {
        largest = x[from + i];
      }
    }
    if (Math.abs(largest) < NOTHING) {
      Arrays.fill(codes, -MOST);
      return 0;
    }
    float scale = 0;
    float best = 0;
    for (int i = 0; i <= 2 * STEPS; i++) {
      int step = i == 0 ? 0 : i <= STEPS ? i - 1 - STEPS : i - STEPS; // 0, -9 … -1, 1 … 9
      float inverse = -(MOST + STEP * step) / largest;
      float xq = 0;
      float qq = 0;
      for (int j = 0; j < PART; j++) {
        int q = clamp(inverse * x[from + j]);
        float w = x[from + j] * x[from + j];
        xq += w * x[from + j] * q;
        qq += w * q * q;
      }
      if (step == 0 || (qq > 0 && xq * xq > best * qq)) {
        scale = qq == 0 ? 0 : xq / qq;
        best = scale * xq;
        for (int j = 0; j < PART; j++) {
          codes[j] = clamp(inverse * x[from + j]);
        }
      }
    }
    return scale;
  }
}
