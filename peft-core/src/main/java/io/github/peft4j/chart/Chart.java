package io.github.peft4j.chart;

import java.util.List;

/**
 * A chart of lines, or of points with their names. Each line has its name at its end and each point
 * beside it, so there is no legend. All colours are {@link Tone tones}.
 *
 * @param title what is shown, such as {@code Loss}
 * @param note what the reader has to know, such as how a line was smoothed; may be empty
 * @param lines the lines, drawn in this order
 * @param marks the points
 * @param rules vertical lines at remarkable places
 */
public record Chart(
    String title,
    String note,
    Axis x,
    Axis y,
    List<Line> lines,
    List<Mark> marks,
    List<Rule> rules) {

  /** Copies the lists. */
  public Chart {
    lines = List.copyOf(lines);
    marks = List.copyOf(marks);
    rules = List.copyOf(rules);
  }

  /**
   * A line.
   *
   * @param name stands at its end; empty for none
   * @param dotted whether its points are marked
   */
  public record Line(String name, Curve curve, Tone tone, boolean dotted) {}

  /** A point with a name. */
  public record Mark(String name, double x, double y, Tone tone) {}

  /** A vertical line with a name at its upper end, which may be empty. */
  public record Rule(double x, String name, Tone tone) {}

  /** A chart of lines. */
  public static Chart ofLines(String title, String note, Axis x, Axis y, List<Line> lines) {
    return new Chart(title, note, x, y, lines, List.of(), List.of());
  }

  /** A chart of points. */
  public static Chart ofMarks(String title, String note, Axis x, Axis y, List<Mark> marks) {
    return new Chart(title, note, x, y, List.of(), marks, List.of());
  }

  /** A copy with vertical lines. */
  public Chart rules(List<Rule> rules) {
    return new Chart(title, note, x, y, lines, marks, rules);
  }
}
