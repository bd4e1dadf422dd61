package io.github.peft4j.chart;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.DoubleStream;

/**
 * Points from left to right. A value that is not finite is stored as NaN and leaves a gap.
 *
 * @param xs the places, rising
 * @param ys the value at each place
 */
public record Curve(List<Long> xs, List<Double> ys) {

  /** A curve without points, to be added to. */
  public Curve() {
    this(new ArrayList<>(), new ArrayList<>());
  }

  /** The values of places 1, 2, 3 and so on. */
  public static Curve of(List<? extends Number> ys) {
    Curve curve = new Curve();
    for (int i = 0; i < ys.size(); i++) {
      curve.add(i + 1L, ys.get(i).doubleValue());
    }
    return curve;
  }

  /** Adds a point at the right end. */
  public void add(long x, double y) {
    xs.add(x);
    ys.add(Double.isFinite(y) ? y : Double.NaN);
  }

  /** The number of points, gaps included. */
  public int size() {
    return xs.size();
  }

  /** The values without gaps. */
  public DoubleStream values() {
    return ys.stream().mapToDouble(y -> y).filter(y -> !Double.isNaN(y));
  }

  /** Whether there is anything to draw. */
  public boolean isVisible() {
    return values().findAny().isPresent();
  }

  /**
   * How many neighbours {@link #thinned} joins into a point.
   *
   * @param most the most points of the thinned curve, 1 or more
   */
  public int stride(int most) {
    return Math.max(1, (size() + most - 1) / most);
  }

  /**
   * A curve of at most this many points. Each is the mean of its neighbours, without gaps, and
   * stands at the last of them.
   */
  public Curve thinned(int most) {
    int width = stride(most);
    Curve thinned = new Curve();
    for (int start = 0; start < size(); start += width) {
      int end = Math.min(start + width, size());
      Curve part = new Curve(xs.subList(start, end), ys.subList(start, end));
      thinned.add(xs.get(end - 1), part.values().average().orElse(Double.NaN));
    }
    return thinned;
  }

  /**
   * The exponential moving average, corrected for its start at 0. A gap stays a gap, and the
   * average goes on behind it.
   *
   * @param memory the weight of the past at each point, from 0 to below 1
   */
  public Curve smoothed(double memory) {
    Curve smoothed = new Curve();
    double sum = 0;
    double weight = 0;
    for (int i = 0; i < size(); i++) {
      double y = ys.get(i);
      if (!Double.isNaN(y)) {
        sum = memory * sum + (1 - memory) * y;
        weight = memory * weight + (1 - memory);
      }
      smoothed.add(xs.get(i), Double.isNaN(y) ? y : sum / weight);
    }
    return smoothed;
  }
}
