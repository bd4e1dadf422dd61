package io.github.peft4j.metrics;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * Correlations of two numbers of the same things, as SciPy computes them. A correlation is NaN if
 * one of the two is the same everywhere.
 */
public final class Correlation {

  private Correlation() {}

  /**
   * Pearson's correlation: how near the numbers are to a line.
   *
   * @param x the first numbers
   * @param y the second numbers
   * @return the correlation, from -1 to 1, or NaN
   * @throws IllegalArgumentException if there are fewer than two, not as many of both, or not
   *     numbers
   */
  public static double pearson(double[] x, double[] y) {
    check(x, y);
    if (isConstant(x) || isConstant(y)) {
      return Double.NaN;
    }
    double[] dx = direction(x);
    double[] dy = direction(y);
    double r = IntStream.range(0, dx.length).mapToDouble(i -> dx[i] * dy[i]).sum();
    return Math.max(-1, Math.min(1, r));
  }

  /**
   * Spearman's correlation: Pearson's of the ranks. Equal numbers have the mean of their ranks.
   *
   * @param x the first numbers
   * @param y the second numbers
   * @return the correlation, from -1 to 1, or NaN
   * @throws IllegalArgumentException if there are fewer than two, not as many of both, or not
   *     numbers
   */
  public static double spearman(double[] x, double[] y) {
    check(x, y);
    return pearson(Ranks.of(x), Ranks.of(y));
  }

  /**
   * Kendall's tau-b: how many pairs are in the same order in both, with a correction for ties.
   *
   * @param x the first numbers
   * @param y the second numbers
   * @return the correlation, from -1 to 1, or NaN
   * @throws IllegalArgumentException if there are fewer than two, not as many of both, or not
   *     numbers
   */
  public static double kendall(double[] x, double[] y) {
    check(x, y);
    return kendallOfOneZero(withOneZero(x), withOneZero(y));
  }

  /** Sorting puts -0 before 0, which are equal. */
  private static double[] withOneZero(double[] values) {
    return Arrays.stream(values).map(value -> value + 0.0).toArray();
  }

  private static double kendallOfOneZero(double[] x, double[] y) {
    int n = x.length;
    int[] order =
        IntStream.range(0, n)
            .boxed()
            .sorted(Comparator.comparingDouble((Integer i) -> x[i]).thenComparingDouble(i -> y[i]))
            .mapToInt(i -> i)
            .toArray();
    double[] xs = Arrays.stream(order).mapToDouble(i -> x[i]).toArray();
    double[] ys = Arrays.stream(order).mapToDouble(i -> y[i]).toArray();
    double pairs = pairs(n);
    double tiedInX = tied(xs, xs);
    double tiedInBoth = tied(xs, ys);
    // Sorts ys.
    double discordant = inversions(ys, new double[n], 0, n);
    double tiedInY = tied(ys, ys);
    double concordantMinusDiscordant = pairs - tiedInX - tiedInY + tiedInBoth - 2 * discordant;
    double tau =
        concordantMinusDiscordant / Math.sqrt(pairs - tiedInX) / Math.sqrt(pairs - tiedInY);
    return Math.max(-1, Math.min(1, tau));
  }

  private static double pairs(double n) {
    return n * (n - 1) / 2;
  }

  /** The number of pairs that are equal in both, of numbers in order. */
  private static double tied(double[] x, double[] y) {
    double sum = 0;
    int start = 0;
    for (int end = 1; end <= x.length; end++) {
      if (end == x.length || x[end] != x[start] || y[end] != y[start]) {
        sum += pairs(end - start);
        start = end;
      }
    }
    return sum;
  }

  /** Sorts numbers by merging, and counts the pairs that were in the wrong order. */
  private static long inversions(double[] values, double[] buffer, int from, int to) {
    if (to - from < 2) {
      return 0;
    }
    int middle = (from + to) >>> 1;
    long count = inversions(values, buffer, from, middle) + inversions(values, buffer, middle, to);
    int left = from;
    int right = middle;
    for (int i = from; i < to; i++) {
      if (right == to || (left < middle && values[left] <= values[right])) {
        buffer[i] = values[left++];
      } else {
        count += middle - left;
        buffer[i] = values[right++];
      }
    }
    System.arraycopy(buffer, from, values, from, to - from);
    return count;
  }

  private static boolean isConstant(double[] values) {
    return Arrays.stream(values).allMatch(value -> value == values[0]);
  }

  /** The deviations from the mean, as a vector of length 1. */
  private static double[] direction(double[] values) {
    double mean = Arrays.stream(values).average().orElseThrow();
    double[] deviations = Arrays.stream(values).map(value -> value - mean).toArray();
    double largest = Arrays.stream(deviations).map(Math::abs).max().orElseThrow();
    double norm =
        largest * Math.sqrt(Arrays.stream(deviations).map(d -> d / largest).map(d -> d * d).sum());
    return Arrays.stream(deviations).map(d -> d / norm).toArray();
  }

  private static void check(double[] x, double[] y) {
    if (Inputs.sameLength("first numbers", x.length, "second numbers", y.length) < 2) {
      throw new IllegalArgumentException("one pair of numbers, expected two at least");
    }
    Inputs.finite("first numbers", x);
    Inputs.finite("second numbers", y);
  }
}
