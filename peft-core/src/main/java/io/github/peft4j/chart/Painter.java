package io.github.peft4j.chart;

import io.github.peft4j.chart.Canvas.Anchor;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;

/** Draws a chart on a canvas: the same for an image and for a page. */
final class Painter {

  private static final double TITLE = 14;
  private static final double TEXT = 12;
  private static final double TOP = 34;
  private static final double BOTTOM = 38;
  private static final double EDGE = 10;
  private static final double RADIUS = 3.2;
  private static final double WIDEST_NAME = 130;

  private final Chart chart;
  private final Canvas canvas;
  private final double left;
  private final double top;
  private final Scale x;
  private final Scale y;
  private final List<Ticks.Tick> xTicks;
  private final List<Ticks.Tick> yTicks;

  private Painter(
      Chart chart, Canvas canvas, double left, double top, double width, double height) {
    this.chart = chart;
    this.canvas = canvas;
    this.left = left;
    this.top = top;
    double bottom = top + height - BOTTOM;
    boolean points = !chart.marks().isEmpty();

    int most = (int) Math.max(3, (height - TOP - BOTTOM) / 28);
    Axis.Range ys = chart.y().range(yValues());
    Axis.Range yRange = points ? chart.y().padded(ys) : Ticks.extended(chart.y(), ys, most);
    this.y = new Scale(chart.y(), yRange, bottom, top + TOP);
    this.yTicks = Ticks.of(chart.y(), yRange, most);

    double labels = yTicks.stream().mapToDouble(t -> Canvas.width(t.label(), TEXT)).max().orElse(0);
    double names =
        endNames()
            .mapToDouble(line -> Canvas.width(shortened(line.name()), TEXT) + 8)
            .max()
            .orElse(0);
    double from = left + EDGE + labels + 8;
    double to = left + width - Math.max(names, points ? 0 : 12) - EDGE;
    Axis.Range xs = chart.x().range(xValues());
    Axis.Range xRange = points ? chart.x().padded(xs) : xs;
    this.x = new Scale(chart.x(), xRange, from, to);
    this.xTicks = Ticks.of(chart.x(), xRange, (int) Math.max(3, (to - from) / 62));
  }

  static void paint(
      Chart chart, Canvas canvas, double left, double top, double width, double height) {
    new Painter(chart, canvas, left, top, width, height).paint();
  }

  /** Draws the note below the chart. On a page it stands in the caption. */
  static void note(Chart chart, Canvas canvas, double left, double bottom) {
    canvas.text(left + EDGE, bottom - 4, chart.note(), Anchor.START, Tone.MUTED, TEXT - 2, false);
  }

  private void paint() {
    canvas.text(left + EDGE, top + 16, chart.title(), Anchor.START, Tone.TEXT, TITLE, true);
    frame();
    chart.rules().forEach(this::rule);
    chart.lines().forEach(this::line);
    names();
    new NamedPoints(canvas, x, y, chart.marks()).paint();
  }

  private void frame() {
    for (Ticks.Tick tick : yTicks) {
      double at = y.at(tick.value());
      canvas.line(x.start(), at, x.end(), at, Tone.GRID, 1);
      canvas.text(x.start() - 6, at + 4, tick.label(), Anchor.END, Tone.MUTED, TEXT, false);
    }
    canvas.line(x.start(), y.start(), x.end(), y.start(), Tone.MUTED, 1);
    double free = Double.NEGATIVE_INFINITY;
    for (Ticks.Tick tick : xTicks) {
      double at = x.at(tick.value());
      canvas.line(at, y.start(), at, y.start() + 4, Tone.MUTED, 1);
      double half = Canvas.width(tick.label(), TEXT) / 2;
      if (at - half > free) {
        canvas.text(at, y.start() + 16, tick.label(), Anchor.MIDDLE, Tone.MUTED, TEXT, false);
        free = at + half + 4;
      }
    }
    double bottom = y.start() + BOTTOM - 7;
    canvas.text(x.end(), bottom, chart.x().label(), Anchor.END, Tone.MUTED, TEXT, false);
  }

  private void rule(Chart.Rule rule) {
    double at = x.at(rule.x());
    canvas.line(at, y.start(), at, y.end() - 4, rule.tone(), 1);
    boolean fits = at + Canvas.width(rule.name(), TEXT) < x.end();
    canvas.text(
        at + (fits ? 4 : -4),
        y.end() + 4,
        rule.name(),
        fits ? Anchor.START : Anchor.END,
        rule.tone(),
        TEXT,
        false);
  }

  /** Draws the parts of a line between gaps. A part of one point is a dot. */
  private void line(Chart.Line line) {
    Curve curve = line.curve();
    double[] xs = new double[curve.size()];
    double[] ys = new double[curve.size()];
    int count = 0;
    for (int i = 0; i <= curve.size(); i++) {
      if (i < curve.size() && chart.y().shows(curve.ys().get(i))) {
        xs[count] = x.at(curve.xs().get(i));
        ys[count++] = y.at(curve.ys().get(i));
        if (line.dotted()) {
          canvas.dot(xs[count - 1], ys[count - 1], RADIUS, line.tone(), hint(line, i));
        }
        continue;
      }
      if (count == 1 && !line.dotted()) {
        canvas.dot(xs[0], ys[0], RADIUS, line.tone(), hint(line, i - 1));
      } else if (count > 1) {
        canvas.path(Arrays.copyOf(xs, count), Arrays.copyOf(ys, count), line.tone(), 1.8);
      }
      count = 0;
    }
  }

  private String hint(Chart.Line line, int i) {
    double value = line.curve().ys().get(i);
    return "%s %s: %s"
        .formatted(
            chart.x().label(),
            Numbers.grouped(line.curve().xs().get(i)),
            Numbers.significant(value));
  }

  /** Writes the names of the lines at their ends, pushed apart where they are too close. */
  private void names() {
    List<Chart.Line> named = endNames().sorted(Comparator.comparingDouble(this::end)).toList();
    double[] at = named.stream().mapToDouble(this::end).toArray();
    for (int i = 1; i < at.length; i++) {
      at[i] = Math.max(at[i], at[i - 1] + TEXT + 2);
    }
    for (int i = at.length - 1; i >= 0; i--) {
      double most = i == at.length - 1 ? y.start() - 2 : at[i + 1] - TEXT - 2;
      at[i] = Math.min(at[i], most);
    }
    for (int i = 0; i < at.length; i++) {
      Chart.Line line = named.get(i);
      canvas.text(
          x.end() + 6, at[i] + 4, shortened(line.name()), Anchor.START, line.tone(), TEXT, false);
    }
  }

  private double end(Chart.Line line) {
    double[] values = line.curve().values().filter(chart.y()::shows).toArray();
    return values.length == 0 ? y.start() : y.at(values[values.length - 1]);
  }

  private Stream<Chart.Line> endNames() {
    return chart.lines().stream()
        .filter(line -> !line.name().isEmpty() && line.curve().isVisible());
  }

  private static String shortened(String name) {
    if (Canvas.width(name, TEXT) <= WIDEST_NAME) {
      return name;
    }
    int end = name.length();
    while (end > 1 && Canvas.width(name.substring(0, end) + "…", TEXT) > WIDEST_NAME) {
      end = name.offsetByCodePoints(end, -1);
    }
    return name.substring(0, end) + "…";
  }

  private DoubleStream xValues() {
    return DoubleStream.concat(
        chart.lines().stream().flatMapToDouble(l -> l.curve().xs().stream().mapToDouble(v -> v)),
        chart.marks().stream().mapToDouble(Chart.Mark::x));
  }

  private DoubleStream yValues() {
    return DoubleStream.concat(
        chart.lines().stream().flatMapToDouble(line -> line.curve().values()),
        chart.marks().stream().mapToDouble(Chart.Mark::y));
  }
}
