package io.github.peft4j.methods.adapter;

import static org.assertj.core.api.Assertions.assertThat;

/** Tensors that are the same except for rounding. */
public final class Closeness {

  private Closeness() {}

  /** Within a tolerance relative to the largest element. */
  public static void assertClose(String what, float[] mine, float[] theirs, double tolerance) {
    assertThat(mine.length).as(what).isEqualTo(theirs.length);
    double worst = 0;
    for (int i = 0; i < mine.length; i++) {
      double difference = Math.abs(mine[i] - theirs[i]);
      worst = difference > worst || Double.isNaN(difference) ? difference : worst;
    }
    assertThat(worst / Math.max(1e-6, largest(theirs))).as(what).isLessThan(tolerance);
  }

  /** The largest absolute value. */
  public static double largest(float[] values) {
    double largest = 0;
    for (float value : values) {
      largest = Math.max(largest, Math.abs(value));
    }
    return largest;
  }
}
