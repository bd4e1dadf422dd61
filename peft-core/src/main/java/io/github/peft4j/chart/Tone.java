package io.github.peft4j.chart;

import java.awt.Color;
import java.util.Locale;

/** The colours of charts and reports, each for a light and for a dark background. */
public enum Tone {
  /** What the page is written on. */
  PAGE(0xFFFFFF, 0x15181C),
  /** Titles and names. */
  TEXT(0x1C2024, 0xE8EAED),
  /** The labels of ticks. */
  MUTED(0x5C6670, 0xA2ABB4),
  /** The lines behind everything. */
  GRID(0xE3E7EB, 0x30363D),
  /** The first line of a chart. */
  MAIN(0x1F5FA8, 0x6AAEF0),
  /** The same line before it was smoothed. */
  FAINT(0xBBD1EA, 0x35557A),
  /** The second line. */
  SECOND(0xBF4E0B, 0xF0945A),
  /** The third line. */
  THIRD(0x2A7D4F, 0x63C08D),
  /** The fourth line. */
  FOURTH(0x7B4BA8, 0xB792E0),
  /** The fifth line. */
  FIFTH(0x80660A, 0xD8B84A),
  /** What went wrong. */
  WARNING(0xB3261E, 0xFF8A80);

  private static final Tone[] OTHERS = {SECOND, THIRD, FOURTH, FIFTH};

  private final int light;
  private final int dark;

  Tone(int light, int dark) {
    this.light = light;
    this.dark = dark;
  }

  /** The tone of the n-th line beside the main one, from 0. They repeat after four. */
  public static Tone other(int n) {
    return OTHERS[n % OTHERS.length];
  }

  /** The tone on a light background. */
  Color color() {
    return new Color(light);
  }

  /** The name in style sheets. */
  String css() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * The style sheet that the SVG of {@link ChartSvg} needs. The reader's setting chooses between
   * light and dark. Each tone is also a variable, such as {@code --page}, for the rest of the page.
   */
  public static String styleSheet() {
    StringBuilder light = new StringBuilder();
    StringBuilder dark = new StringBuilder();
    StringBuilder rules = new StringBuilder();
    for (Tone tone : values()) {
      light.append("--%s:#%06X;".formatted(tone.css(), tone.light));
      dark.append("--%s:#%06X;".formatted(tone.css(), tone.dark));
      rules.append(".s-%1$s{stroke:var(--%1$s)}.f-%1$s{fill:var(--%1$s)}%n".formatted(tone.css()));
    }
    return """
    :root{color-scheme:light dark;%s}
    @media (prefers-color-scheme:dark){:root{%s}}
    svg path,svg line{fill:none;stroke-linejoin:round;stroke-linecap:round}
    svg text{paint-order:stroke;stroke:var(--page);stroke-width:3px;stroke-linejoin:round}
    """
            .formatted(light, dark)
        + rules;
  }
}
