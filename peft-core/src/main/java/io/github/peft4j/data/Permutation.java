package io.github.peft4j.data;

import java.util.Random;

/** A shuffle with a specified result: a seed gives the same order on every JVM. */
public final class Permutation {

  private Permutation() {}

  /** The numbers from 0 to n - 1, in an order that depends only on the seed. */
  public static int[] of(int n, long seed) {
    int[] order = new int[n];
    for (int i = 0; i < n; i++) {
      order[i] = i;
    }
    Random random = new Random(seed);
    for (int i = n - 1; i > 0; i--) {
      int j = random.nextInt(i + 1);
      int value = order[i];
      order[i] = order[j];
      order[j] = value;
    }
    return order;
  }

  /** A seed for an epoch. Seeds of neighbouring epochs are unrelated. */
  public static long seed(long seed, long epoch) {
    return mix(mix(seed) + epoch);
  }

  // The finalizer of SplitMix64.
  private static long mix(long z) {
    z += 0x9E3779B97F4A7C15L;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
