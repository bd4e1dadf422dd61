package io.github.peft4j.io.gguf;

import java.util.Arrays;

/**
 * The scale and the minimum of 32 numbers for the K types: x ≈ scale · q - minimum with a code q in
 * [0, most] and a minimum of at least 0. The squared error, weighted by the root of the mean square
 * plus |x|, is least among some widths of the codes. So does llama.cpp ({@code make_qkx2_quants}),
 * in single precision and in this order.
 */
final class AffineFit {

  static final int PART = 32;
  private static final float STEP = 0.1f;

  private final int most;
  private final float first;
  private final int steps;
  private final float[] weights = new float[PART];
  private int[] codes = new int[PART];
  private int[] tried = new int[PART];
  private float scale;
  private float minimum;

  /**
   * @param most the largest code
   * @param first by how much the first width that is tried is another than that of all numbers
   * @param steps the number of widths after it
   */
  AffineFit(int most, float first, int steps) {
    this.most = most;
    this.first = first;
    this.steps = steps;
  }

  float scale() {
    return scale;
  }

  float minimum() {
    return minimum;
  }

  /** The code of a number with the scale and the minimum that were found. */
  int code(int i) {
    return codes[i];
  }

  /** Finds scale, minimum and codes of the numbers from a place on. */
  void fit(float[] x, int from) {
    weigh(x, from);
    float min = x[from];
    float max = x[from];
    float sumW = weights[0];
    float sumX = sumW * x[from];
    for (int i = 1; i < PART; i++) {
      min = Math.min(min, x[from + i]);
      max = Math.max(max, x[from + i]);
      sumW += weights[i];
      sumX += weights[i] * x[from + i];
    }
    min = Math.min(min, 0);
    float width = max - min;
    if (Float.isInfinite(most / width)) { // all numbers are equal, or below 10⁻³⁷
      Arrays.fill(codes, 0);
      scale = 0;
      minimum = -min;
      return;
    }
    round(x, from, most / width, min, codes);
    scale = 1 / (most / width);
    float best = error(x, from, scale, min, codes);
    for (int step = 0; step <= steps; step++) {
      round(x, from, (first + STEP * step + most) / (max - min), min, tried);
      float sumQ = 0;
      float sumQ2 = 0;
      float sumXq = 0;
      for (int i = 0; i < PART; i++) {
        float wq = weights[i] * tried[i];
        sumQ += wq;
        sumQ2 += wq * tried[i];
        sumXq += wq * x[from + i];
      }
      float determinant = sumW * sumQ2 - sumQ * sumQ;
      if (determinant > 0) {
        float otherScale = (sumW * sumXq - sumX * sumQ) / determinant;
        float otherMin = (sumQ2 * sumX - sumQ * sumXq) / determinant;
        if (otherMin > 0) {
          otherMin = 0;
          otherScale = sumXq / sumQ2;
        }
        float error = error(x, from, otherScale, otherMin, tried);
        if (error < best) {
          best = error;
          scale = otherScale;
          min = otherMin;
          int[] better = tried;
          tried = codes;
          codes = better;
        }
      }
    }
    minimum = -min;
  }

  private void weigh(float[] x, int from) {
    float squares = 0;
    for (int i = 0; i < PART; i++) {
      squares += x[from + i] * x[from + i];
    }
    float root = (float) Math.sqrt(squares / PART);
    for (int i = 0; i < PART; i++) {
      weights[i] = root + Math.abs(x[from + i]);
    }
  }

  private void round(float[] x, int from, float inverse, float min, int[] to) {
    for (int i = 0; i < PART; i++) {
      to[i] = Math.max(0, Math.min(most, (int) Math.rint(inverse * (x[from + i] - min))));
    }
  }

  private float error(float[] x, int from, float scale, float min, int[] q) {
    float sum = 0;
    for (int i = 0; i < PART; i++) {
      float difference = scale * q[i] + min - x[from + i];
      sum += weights[i] * (difference * difference);
    }
    return sum;
  }
}
