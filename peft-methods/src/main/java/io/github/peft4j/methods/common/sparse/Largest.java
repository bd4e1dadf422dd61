package io.github.peft4j.methods.common.sparse;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;

/**
 * The largest of the scores of many tensors, exactly. Floats from 0 on have the order of their
 * bits: one pass counts the upper halves of the bits, one the lower halves below the threshold's
 * upper half. Only one tensor's scores are in memory at a time.
 */
public final class Largest {

  private static final int HALF = 16;

  private Largest() {}

  /**
   * Chooses the entries with the largest scores. Of entries whose score is the smallest that is
   * chosen, the first ones count.
   *
   * @param scores of each tensor's entries, row-major, 0 or above. They are asked for three times
   * @param k the number of entries
   * @return the entries of each tensor that has any, in ascending order
   * @throws IllegalArgumentException if a score is below 0, infinite or no number, or there are
   *     fewer than k
   */
  public static Map<String, int[]> of(Map<String, Supplier<float[]>> scores, long k) {
    long[] upper = new long[1 << HALF];
    scores.forEach(
        (name, values) -> {
          for (float score : values.get()) {
            if (!(score >= 0) || score == Float.POSITIVE_INFINITY) {
              throw new IllegalArgumentException(
                  "an entry of %s has the score %s; expected a finite number, 0 or above"
                      .formatted(name, score));
            }
            upper[bits(score) >>> HALF]++;
          }
        });
    int[] half = {0};
    long within = descend(upper, k, half);
    long[] lower = new long[1 << HALF];
    for (Supplier<float[]> values : scores.values()) {
      for (float score : values.get()) {
        if (bits(score) >>> HALF == half[0]) {
          lower[bits(score) & 0xffff]++;
        }
      }
    }
    int[] rest = {0};
    long[] equal = {descend(lower, within, rest)};
    int threshold = half[0] << HALF | rest[0];
    Map<String, int[]> chosen = new LinkedHashMap<>();
    scores.forEach(
        (name, values) -> {
          int[] places = above(values.get(), threshold, equal);
          if (places.length > 0) {
            chosen.put(name, places);
          }
        });
    return chosen;
  }

  /** The bits of a score; negative zero is zero. */
  private static int bits(float score) {
    return Float.floatToRawIntBits(score + 0f);
  }

  /**
   * Goes down from the largest value until k are counted.
   *
   * @param value set to the value at which it ends
   * @return how many of that value belong to the k
   */
  private static long descend(long[] counts, long k, int[] value) {
    long left = k;
    for (int i = counts.length - 1; i >= 0; i--) {
      if (counts[i] >= left) {
        value[0] = i;
        return left;
      }
      left -= counts[i];
    }
    throw new IllegalArgumentException(
        "%,d entries are to be chosen, but there are %,d fewer".formatted(k, left));
  }

  /** The places above a threshold, and of those that equal it as many as are left. */
  private static int[] above(float[] values, int threshold, long[] equal) {
    int[] places = new int[values.length];
    int count = 0;
    for (int i = 0; i < values.length; i++) {
      int bits = bits(values[i]);
      if (bits > threshold || (bits == threshold && equal[0]-- > 0)) {
        places[count++] = i;
      }
    }
    return Arrays.copyOf(places, count);
  }
}
