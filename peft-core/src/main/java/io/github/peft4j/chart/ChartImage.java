package io.github.peft4j.chart;

import io.github.peft4j.io.AtomicFiles;
import java.awt.BasicStroke;
import java.awt.Font;
import java.awt.FontMetrics;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Path2D;
import java.awt.image.BufferedImage;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.ImageIO;

/** Draws charts as a PNG file. It needs no display, but a font. */
public final class ChartImage {

  /** Pixels of the image for one of the layout, for sharp texts. */
  private static final double SCALE = 2;

  /** The height of the line with a chart's note. */
  private static final double NOTE = 14;

  private ChartImage() {}

  /**
   * Writes charts of equal size, from left to right and from top to bottom. The file is replaced in
   * one step.
   *
   * @param columns charts in a row, 1 or more
   * @param width width of a chart; the image has two pixels for each
   * @param height height of a chart
   */
  public static void save(List<Chart> charts, int columns, int width, int height, Path file) {
    int rows = (charts.size() + columns - 1) / columns;
    BufferedImage image =
        new BufferedImage(
            (int) (SCALE * columns * width),
            (int) (SCALE * rows * height),
            BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = image.createGraphics();
    try {
      graphics.setColor(Tone.PAGE.color());
      graphics.fillRect(0, 0, image.getWidth(), image.getHeight());
      graphics.scale(SCALE, SCALE);
      graphics.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
      graphics.setRenderingHint(
          RenderingHints.KEY_STROKE_CONTROL, RenderingHints.VALUE_STROKE_PURE);
      for (int i = 0; i < charts.size(); i++) {
        int row = i / columns;
        double left = (double) (i - row * columns) * width;
        double top = (double) row * height;
        Canvas canvas = new ImageCanvas(graphics);
        Painter.paint(charts.get(i), canvas, left, top, width, (double) height - NOTE);
        Painter.note(charts.get(i), canvas, left, top + height);
      }
    } finally {
      graphics.dispose();
    }
    AtomicFiles.writeStream(file, out -> ImageIO.write(image, "png", out));
  }

  private record ImageCanvas(Graphics2D graphics) implements Canvas {
    @Override
    public void path(double[] xs, double[] ys, Tone tone, double width) {
      Path2D path = new Path2D.Double();
      for (int i = 0; i < xs.length; i++) {
        if (i == 0) {
          path.moveTo(xs[i], ys[i]);
        } else {
          path.lineTo(xs[i], ys[i]);
        }
      }
      graphics.setColor(tone.color());
      graphics.setStroke(
          new BasicStroke((float) width, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
      graphics.draw(path);
    }

    @Override
    public void dot(double x, double y, double radius, Tone tone, String hint) {
      graphics.setColor(tone.color());
      graphics.fill(new Ellipse2D.Double(x - radius, y - radius, 2 * radius, 2 * radius));
    }

    @Override
    public void text(
        double x, double y, String text, Anchor anchor, Tone tone, double size, boolean bold) {
      graphics.setFont(new Font(Font.SANS_SERIF, bold ? Font.BOLD : Font.PLAIN, (int) size));
      FontMetrics metrics = graphics.getFontMetrics();
      graphics.setColor(tone.color());
      graphics.drawString(
          text, (float) (x - anchor.share() * metrics.stringWidth(text)), (float) y);
    }
  }
}
