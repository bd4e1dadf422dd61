package io.github.peft4j.chart;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.geom.Rectangle2D;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ChartTest {

  private static final double WIDTH = 440;
  private static final double HEIGHT = 250;

  @TempDir Path folder;

  /** Notes what is drawn. */
  private static final class Recorder implements Canvas {
    final List<double[][]> paths = new ArrayList<>();
    final List<double[]> dots = new ArrayList<>();
    final List<String> texts = new ArrayList<>();
    final List<Rectangle2D> boxes = new ArrayList<>();

    @Override
    public void path(double[] xs, double[] ys, Tone tone, double width) {
      if (tone == Tone.MAIN) {
        paths.add(new double[][] {xs, ys});
      }
    }

    @Override
    public void dot(double x, double y, double radius, Tone tone, String hint) {
      dots.add(new double[] {x, y});
    }

    @Override
    public void text(
        double x, double y, String text, Anchor anchor, Tone tone, double size, boolean bold) {
      double width = Canvas.width(text, size);
      texts.add(text);
      boxes.add(new Rectangle2D.Double(x - width * anchor.share(), y - size + 2, width, size));
    }

    /** The boxes of these texts. */
    List<Rectangle2D> of(List<String> names) {
      return names.stream().map(name -> boxes.get(texts.indexOf(name))).toList();
    }
  }

  private static Recorder drawn(Chart chart) {
    Recorder recorder = new Recorder();
    Painter.paint(chart, recorder, 0, 0, WIDTH, HEIGHT);
    return recorder;
  }

  private static Chart line(Curve curve) {
    Chart.Line line = new Chart.Line("training", curve, Tone.MAIN, false);
    return Chart.ofLines("Loss", "", Axis.whole("step"), Axis.linear(""), List.of(line));
  }

  @Test
  void aGapDividesALineAndAPointAloneIsADot() {
    double nan = Double.NaN;
    Recorder drawn = drawn(line(Curve.of(List.of(3.0, 2.0, nan, 1.5, nan, 1.2, 1.1, 1.0))));
    assertThat(drawn.paths).extracting(path -> path[0].length).containsExactly(2, 3);
    assertThat(drawn.dots).hasSize(1);
    assertThat(drawn.texts).contains("Loss", "training", "step");
  }

  @Test
  void everythingStaysWithinTheFrame() {
    for (List<Double> ys :
        List.of(
            List.of(1.0),
            List.of(Double.NaN),
            List.of(0.0, 0.0, 0.0),
            List.of(-5e7, 3e7, Double.NaN, 1e8),
            List.of(1e-9, 2e-9))) {
      Recorder drawn = drawn(line(Curve.of(ys)));
      assertThat(drawn.boxes)
          .allSatisfy(
              box -> {
                assertThat(box.getMinX()).isGreaterThanOrEqualTo(0);
                assertThat(box.getMaxX()).isLessThanOrEqualTo(WIDTH);
                assertThat(box.getMaxY()).isLessThanOrEqualTo(HEIGHT);
              });
    }
  }

  @Test
  void namesAtTheEndsOfLinesStayApart() {
    List<String> names = List.of("alpha", "beta", "gamma", "delta");
    List<Chart.Line> lines =
        names.stream()
            .map(name -> new Chart.Line(name, Curve.of(List.of(2, 1)), Tone.SECOND, true))
            .toList();
    Recorder drawn = drawn(Chart.ofLines("Loss", "", Axis.whole("step"), Axis.linear(""), lines));
    assertApart(drawn.of(names));
  }

  @Test
  void namesOfPointsCoverNeitherEachOtherNorTheFrame() {
    List<Chart.Mark> marks =
        Stream.of(
                "head", "bitfit", "ln-tuning", "lora", "dora", "ia3", "pfeiffer", "houlsby", "full")
            .map(
                name ->
                    new Chart.Mark(
                        name, 1e5 + 4e4 * (name.hashCode() & 7), 90 + name.length() % 3, Tone.MAIN))
            .toList();
    Recorder drawn =
        drawn(Chart.ofMarks("Accuracy, %", "", Axis.log("parameters"), Axis.linear(""), marks));
    assertThat(drawn.dots).hasSize(marks.size());
    assertApart(drawn.of(marks.stream().map(Chart.Mark::name).toList()));
    assertThat(drawn.dots)
        .allSatisfy(
            dot -> {
              assertThat(dot[0]).isBetween(40.0, WIDTH - 15);
              assertThat(dot[1]).isBetween(35.0, HEIGHT - 45);
            });
  }

  private static void assertApart(List<Rectangle2D> boxes) {
    for (int i = 0; i < boxes.size(); i++) {
      for (int j = 0; j < i; j++) {
        assertThat(boxes.get(i).intersects(boxes.get(j))).as("%d, %d: %s", i, j, boxes).isFalse();
      }
    }
  }

  @Test
  void anImageHasTwoPixelsForEachOfTheLayout() throws Exception {
    Chart chart = line(Curve.of(List.of(3, 2, 1)));
    ChartImage.save(List.of(chart, chart, chart), 2, 300, 200, folder.resolve("new/x.png"));
    var image = ImageIO.read(folder.resolve("new/x.png").toFile());
    assertThat(image.getWidth()).isEqualTo(1200);
    assertThat(image.getHeight()).isEqualTo(800);
  }
}
