package io.github.peft4j.transformer;

import org.jspecify.annotations.Nullable;

/** Divides the layers of a model among devices so that each is filled to the same part. */
final class Balance {

  /** The part of a device's free memory that weights may take; activations need the rest. */
  private static final double MOST = 0.85;

  /** Logits and states before the loss, and what a first product allocates. */
  private static final long OUTSIDE = 1L << 30;

  private static final int STEPS = 50;

  private Balance() {}

  /**
   * The device of each layer: 0 or more, not falling.
   *
   * @param layers the bytes of each layer
   * @param rest the bytes on the first device that are no layer's
   * @param free the free bytes of each device
   * @return null if the layers do not fit
   */
  static int @Nullable [] of(long[] layers, long rest, long... free) {
    if (outside(rest, free) > MOST * free[0] || divide(layers, rest, MOST, free) == null) {
      return null;
    }
    double low = 0;
    double high = MOST;
    for (int i = 0; i < STEPS; i++) {
      double middle = (low + high) / 2;
      if (divide(layers, rest, middle, free) == null) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return divide(layers, rest, high, free);
  }

  /** What the first device has beside layers. */
  private static double outside(long rest, long... free) {
    return rest + (double) Math.min(OUTSIDE, free[0] / 16);
  }

  /** Fills one device after the other up to a part of its free memory. */
  private static int @Nullable [] divide(long[] layers, long rest, double part, long... free) {
    int[] devices = new int[layers.length];
    int device = 0;
    double taken = outside(rest, free);
    for (int i = 0; i < layers.length; i++) {
      while (taken + layers[i] > part * free[device]) {
        device++;
        taken = 0;
        if (device == free.length) {
          return null;
        }
      }
      taken += layers[i];
      devices[i] = device;
    }
    return devices;
  }
}
