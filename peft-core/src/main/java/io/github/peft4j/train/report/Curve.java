package io.github.peft4j.train.report;

import java.util.ArrayList;
import java.util.List;

/** Points from left to right. A value that is not finite leaves a gap. */
record Curve(List<Long> xs, List<Double> ys) {

  Curve() {
    this(new ArrayList<>(), new ArrayList<>());
  }

  void add(long x, double y) {
    xs.add(x);
    ys.add(Double.isFinite(y) ? y : Double.NaN);
  }

  int size() {
    return xs.size();
  }

  /** Whether there is anything to draw. */
  boolean isVisible() {
    return ys.stream().anyMatch(y -> !y.isNaN());
  }

  /** A curve of at most this many points, each the mean of its neighbours. */
  Curve thinned(int most) {
    int width = Math.max(1, (size() + most - 1) / most);
    Curve thinned = new Curve();
    for (int start = 0; start < size(); start += width) {
      int end = Math.min(start + width, size());
      thinned.add(xs.get(end - 1), mean(ys.subList(start, end)));
    }
    return thinned;
  }

  private static double mean(List<Double> values) {
    return values.stream()
        .mapToDouble(y -> y)
        .filter(y -> !Double.isNaN(y))
        .average()
        .orElse(Double.NaN);
  }

  /** The exponential moving average, corrected for its start at 0. */
  Curve smoothed(double memory) {
    Curve smoothed = new Curve();
    double sum = 0;
    double weight = 0;
    for (int i = 0; i < size(); i++) {
      double y = ys.get(i);
      if (!Double.isNaN(y)) {
        sum = memory * sum + (1 - memory) * y;
        weight = memory * weight + (1 - memory);
      }
      smoothed.add(xs.get(i), sum / weight);
    }
    return smoothed;
  }
}
