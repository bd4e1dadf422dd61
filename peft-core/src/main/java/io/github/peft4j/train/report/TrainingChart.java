package io.github.peft4j.train.report;

import io.github.peft4j.chart.Chart;
import io.github.peft4j.chart.ChartImage;
import java.awt.AWTError;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Draws loss, metrics, learning rate, gradient norm and speed over the steps, each in a chart of
 * its own, as one PNG file. It needs no display.
 */
public final class TrainingChart implements TrainingListener {

  private static final Logger LOGGER = LoggerFactory.getLogger(TrainingChart.class);

  private static final Duration SAVE_INTERVAL = Duration.ofSeconds(10);
  private static final int COLUMNS = 2;
  private static final int WIDTH = 500;
  private static final int HEIGHT = 260;

  private final @Nullable Path path;
  private final RunCurves curves = new RunCurves();
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
    curves.add(event);
  }

  @Override
  public void onEvaluation(EvaluationEvent event) {
    curves.add(RunCurves.VALIDATION, event.step(), event.metrics());
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
    if (path == null || curves.steps() == 0) {
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
   * @throws IllegalStateException before the first step
   */
  public void save(Path path) {
    save(curves, 0, path);
  }

  /**
   * Saves the charts of a run. The file is replaced in one step.
   *
   * @param kept the step whose tensors the adapter has; 0 if that is the last one
   * @param path the PNG file
   * @throws IllegalStateException if the run has no step
   */
  public static void save(RunCurves curves, long kept, Path path) {
    if (curves.steps() == 0) {
      throw new IllegalStateException("there is nothing to draw before the first step");
    }
    List<Chart> charts = curves.charts(kept);
    ChartImage.save(charts, Math.min(COLUMNS, charts.size()), WIDTH, HEIGHT, path);
  }
}
