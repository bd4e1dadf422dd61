package io.github.peft4j.chart;

import java.util.Locale;

/** Writes a chart as an SVG element within a page. Its colours are {@link Tone#styleSheet}. */
public final class ChartSvg {

  private ChartSvg() {}

  /**
   * Writes the {@code svg} element. It is as wide as its container.
   *
   * @param description what a reader who does not see the chart is told
   * @param width the width at which texts have their natural size, in pixels
   * @param height the height at that width
   */
  public static void write(
      Markup to, Chart chart, String description, double width, double height) {
    to.open(
        "svg",
        "xmlns",
        "http://www.w3.org/2000/svg",
        "role",
        "img",
        "aria-label",
        chart.title() + ". " + description,
        "viewBox",
        String.format(Locale.ROOT, "0 0 %.0f %.0f", width, height));
    Painter.paint(chart, new SvgCanvas(to), 0, 0, width, height);
    to.close();
  }

  private record SvgCanvas(Markup to) implements Canvas {
    @Override
    public void path(double[] xs, double[] ys, Tone tone, double width) {
      StringBuilder d = new StringBuilder();
      for (int i = 0; i < xs.length; i++) {
        d.append(i == 0 ? 'M' : 'L').append(number(xs[i])).append(' ').append(number(ys[i]));
      }
      to.empty("path", "class", "s-" + tone.css(), "stroke-width", number(width), "d", d);
    }

    @Override
    public void dot(double x, double y, double radius, Tone tone, String hint) {
      to.open(
          "circle",
          "class",
          "f-" + tone.css(),
          "cx",
          number(x),
          "cy",
          number(y),
          "r",
          number(radius));
      if (!hint.isEmpty()) {
        to.element("title", hint);
      }
      to.close();
    }

    @Override
    public void text(
        double x, double y, String text, Anchor anchor, Tone tone, double size, boolean bold) {
      if (!text.isEmpty()) {
        to.element(
            "text",
            text,
            "class",
            "f-" + tone.css(),
            "x",
            number(x),
            "y",
            number(y),
            "text-anchor",
            anchor.name().toLowerCase(Locale.ROOT),
            "font-size",
            number(size),
            "font-weight",
            bold ? "600" : "400");
      }
    }

    private static String number(double value) {
      String text = String.format(Locale.ROOT, "%.1f", value);
      return text.endsWith(".0") ? text.substring(0, text.length() - 2) : text;
    }
  }
}
