package io.github.peft4j.chart;

import java.util.stream.DoubleStream;

/**
 * An axis of a chart.
 *
 * @param label what it shows, with its unit
 * @param kind how values are placed on it
 * @param from a value that it reaches at least; NaN for none
 * @param to a value that it reaches at least; NaN for none
 * @param least ticks below are not drawn
 * @param most ticks above are not drawn
 */
public record Axis(String label, Kind kind, double from, double to, double least, double most) {

  /** How values are placed. */
  public enum Kind {
    /** Equal distances are equal differences. */
    LINEAR,
    /** As linear; all values are whole numbers. */
    WHOLE,
    /** Equal distances are equal ratios. Values of 0 and below cannot be shown. */
    LOG
  }

  private static final double MARGIN = 0.06;
  private static final double LEAST_DECADES = 0.3;

  /** A linear axis that reaches as far as the values. */
  public static Axis linear(String label) {
    return of(label, Kind.LINEAR);
  }

  /** A linear axis of whole numbers. */
  public static Axis whole(String label) {
    return of(label, Kind.WHOLE);
  }

  /** A logarithmic axis. Its label should say so. */
  public static Axis log(String label) {
    return of(label, Kind.LOG);
  }

  private static Axis of(String label, Kind kind) {
    double infinity = Double.POSITIVE_INFINITY;
    return new Axis(label, kind, Double.NaN, Double.NaN, -infinity, infinity);
  }

  /** A copy that reaches from one value to another, or further if the values do. */
  public Axis reaching(double from, double to) {
    return new Axis(label, kind, from, to, least, most);
  }

  /** A copy with ticks between these values only, such as 0 and 100 for percentages. */
  public Axis within(double least, double most) {
    return new Axis(label, kind, from, to, least, most);
  }

  /** Whether the axis can show a value. */
  boolean shows(double value) {
    return Double.isFinite(value) && (kind != Kind.LOG || value > 0);
  }

  /** The range of the values and of what the axis must reach, never empty. */
  Range range(DoubleStream values) {
    double[] shown =
        DoubleStream.concat(values, DoubleStream.of(from, to)).filter(this::shows).toArray();
    double min = DoubleStream.of(shown).min().orElse(kind == Kind.LOG ? 1 : 0);
    double max = DoubleStream.of(shown).max().orElse(kind == Kind.LOG ? 10 : 1);
    if (kind == Kind.LOG) {
      double missing = Math.max(0, LEAST_DECADES - Math.log10(max / min)) / 2;
      return new Range(min / Math.pow(10, missing), max * Math.pow(10, missing));
    }
    if (max - min > 1e-9 * Math.max(Math.abs(min), Math.abs(max))) {
      return new Range(min, max);
    }
    double room = kind == Kind.WHOLE || min == 0 ? 1 : Math.abs(min) / 10;
    return new Range(min - room, max + room);
  }

  /** A range with a margin at both ends, so that no point stands on the frame. */
  Range padded(Range range) {
    if (kind == Kind.LOG) {
      double factor = Math.pow(range.max() / range.min(), MARGIN);
      return new Range(range.min() / factor, range.max() * factor);
    }
    double room = MARGIN * (range.max() - range.min());
    return new Range(range.min() - room, range.max() + room);
  }

  /** The smallest and the largest value on an axis. */
  record Range(double min, double max) {}
}
