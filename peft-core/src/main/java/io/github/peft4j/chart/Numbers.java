package io.github.peft4j.chart;

import java.util.Locale;

/** Numbers as people read them. */
public final class Numbers {

  private Numbers() {}

  /**
   * Four significant digits, such as {@code 0.1234}, {@code 1.234e-5} or {@code 1,234}; {@code NaN}
   * and infinities by their names.
   */
  public static String significant(double value) {
    if (value == 0 || !Double.isFinite(value)) {
      return value == 0 ? "0" : Double.toString(value);
    }
    double size = Math.abs(value);
    if (size < 0.001 || size >= 1e9) {
      String[] parts = String.format(Locale.ROOT, "%.3e", value).split("e", 2);
      return parts[0] + "e" + Integer.parseInt(parts[1]);
    }
    int decimals = Math.max(0, 3 - (int) Math.floor(Math.log10(size)));
    return String.format(Locale.ROOT, "%,." + Math.min(4, decimals) + "f", value);
  }

  /** A whole number with commas between thousands. */
  public static String grouped(long value) {
    return String.format(Locale.ROOT, "%,d", value);
  }
}
