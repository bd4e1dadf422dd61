package io.github.peft4j.chart;

/** What a chart is drawn on. Lengths are in pixels, from the upper left corner. */
interface Canvas {

  /** Where the given point of a text is. */
  enum Anchor {
    START(0),
    MIDDLE(0.5),
    END(1);

    private final double share;

    Anchor(double share) {
      this.share = share;
    }

    /** The part of the text that is left of the point. */
    double share() {
      return share;
    }
  }

  /** A line through points. */
  void path(double[] xs, double[] ys, Tone tone, double width);

  /** A filled circle. {@code hint} is shown to readers who point at it; it may be empty. */
  void dot(double x, double y, double radius, Tone tone, String hint);

  /** A text whose baseline is at y. */
  void text(double x, double y, String text, Anchor anchor, Tone tone, double size, boolean bold);

  /** A straight line. */
  default void line(double x1, double y1, double x2, double y2, Tone tone, double width) {
    path(new double[] {x1, x2}, new double[] {y1, y2}, tone, width);
  }

  /**
   * The approximate width of a text in a sans-serif font. It is the same for every canvas, so that
   * a chart has the same layout as an image and on a page.
   */
  static double width(String text, double size) {
    return size * text.codePoints().mapToDouble(Canvas::width).sum();
  }

  private static double width(int character) {
    if ("iljtfrI.,:;'|!()[] ".indexOf(character) >= 0) {
      return 0.34;
    }
    if ("mwMW%—".indexOf(character) >= 0) {
      return 0.88;
    }
    return character > 0x2E80 ? 1.05 : Character.isUpperCase(character) ? 0.7 : 0.58;
  }
}
