package io.github.peft4j.metrics;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/** Checks of what metrics are given. */
public final class Inputs {

  private Inputs() {}

  /**
   * Checks that there are values, and as many of one kind as of the other.
   *
   * @param first what the first values are, in the plural
   * @param firstLength the number of the first values
   * @param second what the second values are, in the plural
   * @param secondLength the number of the second values
   * @return the number
   * @throws IllegalArgumentException if there are none, or not as many
   */
  public static int sameLength(String first, int firstLength, String second, int secondLength) {
    if (firstLength != secondLength) {
      throw new IllegalArgumentException(
          "%d %s and %d %s, expected as many of both"
              .formatted(firstLength, first, secondLength, second));
    }
    return notEmpty(first, firstLength);
  }

  /**
   * Checks that there are values.
   *
   * @param what what the values are, in the plural
   * @param length their number
   * @return the number
   * @throws IllegalArgumentException if there are none
   */
  public static int notEmpty(String what, int length) {
    if (length == 0) {
      throw new IllegalArgumentException("no " + what + ", expected one at least");
    }
    return length;
  }

  /**
   * Checks that each item has parts, and as many of one kind as of the other.
   *
   * @param first what the parts of the first items are, in the plural
   * @param firsts the first items
   * @param second what the parts of the second items are, in the plural
   * @param seconds the second items
   * @throws IllegalArgumentException if there are no items, not as many, or an item's parts differ
   *     in number
   */
  public static void sameLengths(
      String first,
      List<? extends List<?>> firsts,
      String second,
      List<? extends List<?>> seconds) {
    sameLength("rows of " + first, firsts.size(), "rows of " + second, seconds.size());
    for (int i = 0; i < firsts.size(); i++) {
      if (firsts.get(i).size() != seconds.get(i).size()) {
        throw new IllegalArgumentException(
            "row %d has %d %s and %d %s, expected as many of both"
                .formatted(i, firsts.get(i).size(), first, seconds.get(i).size(), second));
      }
    }
  }

  /**
   * Checks that values are numbers.
   *
   * @param what what the values are, in the plural
   * @param values the values
   * @return the values
   * @throws IllegalArgumentException if one is NaN or infinite
   */
  public static double[] finite(String what, double[] values) {
    for (int i = 0; i < values.length; i++) {
      if (!Double.isFinite(values[i])) {
        throw new IllegalArgumentException(
            "%s[%d] is %s, expected a number".formatted(what, i, values[i]));
      }
    }
    return values;
  }

  /**
   * Checks the rows of a table.
   *
   * @param what what the values are, in the plural
   * @param rows the rows
   * @return the number of columns
   * @throws IllegalArgumentException if there are no rows or no columns, if rows differ in length,
   *     or if a value is NaN or infinite
   */
  public static int table(String what, double[][] rows) {
    notEmpty("rows of " + what, rows.length);
    Arrays.stream(rows).forEach(row -> finite(what, row));
    return columns(what, IntStream.range(0, rows.length).map(i -> rows[i].length).toArray());
  }

  /**
   * Checks the lengths of a table's rows.
   *
   * @param what what the values are, in the plural
   * @param lengths the length of each row
   * @return the number of columns
   * @throws IllegalArgumentException if there are no rows or no columns, or if rows differ in
   *     length
   */
  public static int columns(String what, int[] lengths) {
    notEmpty("rows of " + what, lengths.length);
    for (int i = 1; i < lengths.length; i++) {
      if (lengths[i] != lengths[0]) {
        throw new IllegalArgumentException(
            "row %d has %d %s, expected %d as in row 0".formatted(i, lengths[i], what, lengths[0]));
      }
    }
    return notEmpty(what, lengths[0]);
  }

  /**
   * Checks a class.
   *
   * @param what what it is
   * @param value the class
   * @param classes the number of classes
   * @return the class
   * @throws IllegalArgumentException if it is negative, or not below the number of classes
   */
  public static int inRange(String what, int value, int classes) {
    if (value < 0 || value >= classes) {
      throw new IllegalArgumentException(
          "%s %d, expected 0 to %d".formatted(what, value, classes - 1));
    }
    return value;
  }
}
