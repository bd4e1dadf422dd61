package io.github.peft4j.chart;

/**
 * From values to pixels.
 *
 * @param start the pixel of the smallest value
 * @param end the pixel of the largest value
 */
record Scale(Axis axis, Axis.Range range, double start, double end) {

  double at(double value) {
    double share =
        axis.kind() == Axis.Kind.LOG
            ? Math.log(value / range.min()) / Math.log(range.max() / range.min())
            : (value - range.min()) / (range.max() - range.min());
    return start + share * (end - start);
  }
}
