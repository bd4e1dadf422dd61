package io.github.peft4j.examples;

import io.github.peft4j.chart.Axis;
import io.github.peft4j.chart.Chart;
import io.github.peft4j.chart.ChartImage;
import io.github.peft4j.chart.Tone;
import java.nio.file.Path;
import java.util.List;

/** Draws the accuracy of methods over the number of parameters that they train. */
final class ComparisonChart {

  private static final int WIDTH = 1000;
  private static final int HEIGHT = 600;

  private ComparisonChart() {}

  /** Writes a PNG file. */
  static void save(List<Comparison.Result> results, Path path) {
    ChartImage.save(List.of(of(results)), 1, WIDTH, HEIGHT, path);
  }

  /** Each method is a point with its name. */
  static Chart of(List<Comparison.Result> results) {
    return Chart.ofMarks(
        "Accuracy, %",
        "",
        Axis.log("trained parameters, log scale"),
        Axis.linear("").within(0, 100),
        results.stream()
            .map(r -> new Chart.Mark(r.method(), r.trainable(), 100 * r.accuracy(), Tone.MAIN))
            .toList());
  }
}
