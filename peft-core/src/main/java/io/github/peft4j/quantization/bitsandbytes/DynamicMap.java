package io.github.peft4j.quantization.bitsandbytes;

import java.util.Arrays;

/**
 * bitsandbytes' signed dynamic map: 256 numbers in [-1, 1] whose steps grow with them (Dettmers
 * 2015, arXiv:1511.04561). A number has up to seven zeros after its point; the bits that these do
 * not take are its fraction.
 */
final class DynamicMap {

  private static final int EXPONENTS = 7;
  private static final float[] VALUES = create();

  private DynamicMap() {}

  /** The numbers, ascending. */
  static float[] values() {
    return VALUES.clone();
  }

  /** The means of neighbours (255): a number between two takes the nearer one. */
  static float[] bounds() {
    float[] bounds = new float[VALUES.length - 1];
    for (int i = 0; i < bounds.length; i++) {
      bounds[i] = 0.5f * (VALUES[i] + VALUES[i + 1]);
    }
    return bounds;
  }

  private static float[] create() {
    float[] values = new float[256];
    int filled = 0;
    for (int i = 0; i < EXPONENTS; i++) {
      float power = (float) Math.pow(10, i - (EXPONENTS - 1));
      int items = 1 << i;
      for (int j = 0; j < items; j++) {
        float mean = (boundary(j, items) + boundary(j + 1, items)) / 2;
        values[filled++] = power * mean;
        values[filled++] = -power * mean;
      }
    }
    values[filled++] = 0;
    values[filled] = 1;
    Arrays.sort(values);
    return values;
  }

  /** A number of {@code torch.linspace(0.1, 1, items + 1)}, which counts from the nearer end. */
  private static float boundary(int index, int items) {
    float step = (1f - 0.1f) / items;
    return index < (items + 1) / 2
        ? Math.fma(step, index, 0.1f)
        : Math.fma(-step, items - index, 1f);
  }
}
