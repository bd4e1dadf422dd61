package io.github.peft4j.chart;

import java.text.DecimalFormat;
import java.text.DecimalFormatSymbols;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.DoubleStream;

/** The marked values of an axis. A label is exactly the value at its tick, never a rounded one. */
final class Ticks {

  private static final double[] NICE = {1, 2, 5, 10};
  private static final double[][] DIGITS = {{1}, {1, 2, 5}, {1, 2, 3, 4, 5, 6, 7, 8, 9}};

  private Ticks() {}

  /** A value and its label. */
  record Tick(double value, String label) {}

  /** At most this many ticks, and usually more than half as many, within a range. */
  static List<Tick> of(Axis axis, Axis.Range range, int most) {
    double[] values =
        axis.kind() == Axis.Kind.LOG
            ? log(range, most)
            : multiples(range, step(range, most, axis.kind() == Axis.Kind.WHOLE));
    double largest = Math.max(Math.abs(range.min()), Math.abs(range.max()));
    boolean alike = axis.kind() != Axis.Kind.LOG;
    return DoubleStream.of(values)
        .filter(value -> value >= axis.least() && value <= axis.most())
        .mapToObj(value -> new Tick(value, label(value, alike ? largest : Math.abs(value))))
        .toList();
  }

  /** The range extended to the next ticks outside it. */
  static Axis.Range extended(Axis axis, Axis.Range range, int most) {
    if (axis.kind() == Axis.Kind.LOG) {
      return range;
    }
    double step = step(range, most - 1, axis.kind() == Axis.Kind.WHOLE);
    return new Axis.Range(
        step * Math.floor(range.min() / step + 1e-9), step * Math.ceil(range.max() / step - 1e-9));
  }

  /** The smallest round difference that gives at most this many ticks. */
  private static double step(Axis.Range range, int most, boolean whole) {
    double power = Math.pow(10, Math.floor(Math.log10((range.max() - range.min()) / most)));
    double step =
        DoubleStream.of(NICE)
            .map(nice -> nice * power)
            .filter(s -> last(range, s) - first(range, s) < most)
            .findFirst()
            .orElse(20 * power);
    return whole ? Math.max(1, step) : step;
  }

  private static long first(Axis.Range range, double step) {
    return (long) Math.ceil(range.min() / step - 1e-9);
  }

  private static long last(Axis.Range range, double step) {
    return (long) Math.floor(range.max() / step + 1e-9);
  }

  private static double[] multiples(Axis.Range range, double step) {
    long first = first(range, step);
    long last = last(range, step);
    // A product of a whole number and the step may end in digits such as 0.30000000000000004.
    int decimals = (int) Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    double[] values = new double[(int) (last - first + 1)];
    for (int i = 0; i < values.length; i++) {
      values[i] =
          Double.parseDouble(String.format(Locale.ROOT, "%." + decimals + "f", (first + i) * step));
    }
    return values;
  }

  /** Powers of ten and their round multiples, or round differences where the range is narrow. */
  private static double[] log(Axis.Range range, int most) {
    double[] chosen = {};
    for (double[] digits : DIGITS) {
      double[] values = logarithmic(range, digits);
      if (values.length <= most) {
        chosen = values;
      }
    }
    return chosen.length >= 2 ? chosen : multiples(range, step(range, most, false));
  }

  private static double[] logarithmic(Axis.Range range, double[] digits) {
    List<Double> values = new ArrayList<>();
    for (int e = (int) Math.floor(Math.log10(range.min())); Math.pow(10, e) <= range.max(); e++) {
      for (double digit : digits) {
        double value = Double.parseDouble((int) digit + "e" + e);
        if (value >= range.min() && value <= range.max()) {
          values.add(value);
        }
      }
    }
    return values.stream().mapToDouble(v -> v).toArray();
  }

  /**
   * A number to read: {@code 0.25}, {@code 1,500}, {@code 20k}, {@code 1.5M}; below a thousandth
   * {@code 2e-4}.
   *
   * @param size decides the unit, so that all labels of an axis have the same
   */
  static String label(double value, double size) {
    if (value == 0) {
      return "0";
    }
    if (size < 0.001 || size >= 1e12) {
      return format("0.######E0", value).replace('E', 'e');
    }
    if (size >= 1e9) {
      return format("#,##0.######", value / 1e9) + "G";
    }
    if (size >= 1e6) {
      return format("0.######", value / 1e6) + "M";
    }
    return size >= 1e4 ? format("0.###", value / 1e3) + "k" : format("#,##0.######", value);
  }

  private static String format(String pattern, double value) {
    return new DecimalFormat(pattern, DecimalFormatSymbols.getInstance(Locale.ROOT)).format(value);
  }
}
