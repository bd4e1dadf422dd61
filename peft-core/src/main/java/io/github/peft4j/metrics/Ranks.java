package io.github.peft4j.metrics;

import java.util.Comparator;
import java.util.stream.IntStream;

/** Ranks of numbers. */
final class Ranks {

  private Ranks() {}

  /** The ranks from 1. Equal numbers have the mean of their ranks. */
  static double[] of(double[] values) {
    int[] order =
        IntStream.range(0, values.length)
            .boxed()
            .sorted(Comparator.comparingDouble(i -> values[i]))
            .mapToInt(i -> i)
            .toArray();
    double[] ranks = new double[values.length];
    int start = 0;
    for (int end = 1; end <= order.length; end++) {
      if (end == order.length || values[order[end]] != values[order[start]]) {
        for (int i = start; i < end; i++) {
          ranks[order[i]] = (start + 1 + end) / 2.0;
        }
        start = end;
      }
    }
    return ranks;
  }
}
