package io.github.peft4j.train.report;

import io.github.peft4j.train.evaluation.Metrics;
import java.awt.AWTError;
import java.awt.BasicStroke;
import java.awt.Color;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.DoubleSummaryStatistics;
import org.jspecify.annotations.Nullable;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.BitmapEncoder.BitmapFormat;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler.LegendLayout;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.Styler.YAxisPosition;
import org.knowm.xchart.style.markers.SeriesMarkers;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Draws the training loss and, if there are evaluations, the validation loss and accuracy over the
 * steps. It needs no display.
 */
public final class TrainingChart implements TrainingListener {

  private static final Logger LOGGER = LoggerFactory.getLogger(TrainingChart.class);

  private static final Duration SAVE_INTERVAL = Duration.ofSeconds(10);
  private static final int WIDTH = 1000;
  private static final int HEIGHT = 600;
  private static final int MOST_POINTS = 400;
  private static final int MARKED_POINTS = 50;
  private static final double SMOOTHING = 0.8;

  private static final Color PALE_BLUE = new Color(0xC6DBEF);
  private static final Color BLUE = new Color(0x2171B5);
  private static final Color ORANGE = new Color(0xE6550D);
  private static final Color GREEN = new Color(0x31A354);

  private final @Nullable Path path;
  private final Curve loss = new Curve();
  private final Curve validationLoss = new Curve();
  private final Curve accuracy = new Curve();
  private long savedNanos = System.nanoTime();

  /** A chart that is only saved by {@link #save(Path)}. */
  public TrainingChart() {
    this(null);
  }

  private TrainingChart(@Nullable Path path) {
    this.path = path;
  }

  /**
   * A chart that is saved at the end, and after an evaluation if the last save was a while ago. If
   * saving fails, a warning is logged and the training continues.
   *
   * @param path the PNG file
   * @return the chart
   */
  public static TrainingChart savedTo(String path) {
    return savedTo(Path.of(path));
  }

  /**
   * A chart that is saved at the end, and after an evaluation if the last save was a while ago. If
   * saving fails, a warning is logged and the training continues.
   *
   * @param path the PNG file
   * @return the chart
   */
  public static TrainingChart savedTo(Path path) {
    return new TrainingChart(path);
  }

  @Override
  public void onStep(StepEvent event) {
    loss.add(event.step(), event.loss());
  }

  @Override
  public void onEvaluation(EvaluationEvent event) {
    Metrics metrics = event.metrics();
    if (metrics.has(Metrics.LOSS)) {
      validationLoss.add(event.step(), metrics.get(Metrics.LOSS));
    }
    if (metrics.has(Metrics.ACCURACY)) {
      accuracy.add(event.step(), metrics.get(Metrics.ACCURACY));
    }
    // Drawing takes a good part of a second; an evaluation may take less.
    if (System.nanoTime() - savedNanos > SAVE_INTERVAL.toNanos()) {
      saveQuietly();
    }
  }

  @Override
  public void onEnd(EndEvent event) {
    saveQuietly();
  }

  // A chart must not end a training. A JVM without fonts throws errors rather than exceptions.
  private void saveQuietly() {
    if (path == null || loss.size() == 0) {
      return;
    }
    try {
      save(path);
      savedNanos = System.nanoTime();
    } catch (RuntimeException | LinkageError | InternalError | AWTError e) {
      LOGGER.warn("The chart {} could not be drawn: {}", path, e.toString());
    }
  }

  /**
   * Saves the chart as it is now. The file is replaced in one step.
   *
   * @param path the PNG file
   */
  public void save(String path) {
    save(Path.of(path));
  }

  /**
   * Saves the chart as it is now. The file is replaced in one step.
   *
   * @param path the PNG file
   */
  public void save(Path path) {
    ByteArrayOutputStream png = new ByteArrayOutputStream();
    try {
      BitmapEncoder.saveBitmap(draw(), png, BitmapFormat.PNG);
      if (path.getParent() != null) {
        Files.createDirectories(path.getParent());
      }
      Path temporary = path.resolveSibling(path.getFileName() + ".tmp");
      try {
        Files.write(temporary, png.toByteArray());
        move(temporary, path);
      } finally {
        Files.deleteIfExists(temporary);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write " + path + ": " + e, e);
    }
  }

  private static void move(Path from, Path to) throws IOException {
    try {
      Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
    } catch (AtomicMoveNotSupportedException e) {
      Files.move(from, to, StandardCopyOption.REPLACE_EXISTING);
    }
  }

  private XYChart draw() {
    if (loss.size() == 0) {
      throw new IllegalStateException("there is nothing to draw before the first step");
    }
    XYChart chart =
        new XYChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .xAxisTitle("step")
            .yAxisTitle("loss")
            .build();
    chart.getStyler().setLegendPosition(LegendPosition.OutsideS);
    chart.getStyler().setLegendLayout(LegendLayout.Horizontal);
    chart.getStyler().setChartBackgroundColor(Color.WHITE);
    chart.getStyler().setPlotBorderVisible(false);
    chart.getStyler().setPlotGridLinesColor(new Color(0xE5E5E5));
    chart.getStyler().setYAxisGroupPosition(1, YAxisPosition.Right);
    Curve thinned = loss.thinned(MOST_POINTS);
    add(chart, "loss", thinned, PALE_BLUE, 0);
    add(chart, "loss, smoothed", thinned.smoothed(SMOOTHING), BLUE, 0);
    add(chart, "validation loss", validationLoss, ORANGE, 0);
    if (add(chart, "validation accuracy (right axis)", accuracy, GREEN, 1)) {
      chart.setYAxisGroupTitle(1, "accuracy");
      // Extends the range by tenths: if all values are equal, the axis would have one tick of 15
      // digits.
      DoubleSummaryStatistics range =
          accuracy.ys().stream()
              .filter(y -> !y.isNaN())
              .mapToDouble(Double::doubleValue)
              .summaryStatistics();
      chart.getStyler().setYAxisMin(1, Math.max(0, Math.floor(10 * range.getMin() - 0.5) / 10));
      chart.getStyler().setYAxisMax(1, Math.min(1, Math.ceil(10 * range.getMax() + 0.5) / 10));
      chart.getStyler().putYAxisGroupDecimalPatternMap(1, "0.###");
    }
    return chart;
  }

  private static boolean add(XYChart chart, String name, Curve curve, Color color, int axis) {
    if (!curve.isVisible()) {
      return false;
    }
    XYSeries series = chart.addSeries(name, curve.xs(), curve.ys());
    series.setLineColor(color).setLineStyle(new BasicStroke(2));
    series.setMarkerColor(color);
    series.setMarker(curve.size() > MARKED_POINTS ? SeriesMarkers.NONE : SeriesMarkers.CIRCLE);
    series.setYAxisGroup(axis);
    return true;
  }
}
