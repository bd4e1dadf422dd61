package io.github.peft4j.examples;

import java.awt.Color;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.BitmapEncoder.BitmapFormat;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries.XYSeriesRenderStyle;
import org.knowm.xchart.style.Styler.LegendPosition;

/** Draws the accuracy of methods over the number of parameters that they train. */
final class ComparisonChart {

  private ComparisonChart() {}

  /** Writes a PNG file. */
  static void save(List<Comparison.Result> results, Path path) {
    XYChart chart =
        new XYChartBuilder()
            .width(1000)
            .height(600)
            .xAxisTitle("trained parameters")
            .yAxisTitle("accuracy, %")
            .build();
    chart.getStyler().setDefaultSeriesRenderStyle(XYSeriesRenderStyle.Scatter);
    chart.getStyler().setLegendPosition(LegendPosition.OutsideE);
    chart.getStyler().setChartBackgroundColor(Color.WHITE);
    chart.getStyler().setXAxisLogarithmic(true);
    chart.getStyler().setMarkerSize(12);
    for (Comparison.Result result : results) {
      chart.addSeries(
          result.method(),
          new double[] {result.trainable()},
          new double[] {100 * result.accuracy()});
    }
    try {
      Files.createDirectories(path.toAbsolutePath().getParent());
      BitmapEncoder.saveBitmap(chart, path.toString(), BitmapFormat.PNG);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write " + path + ": " + e, e);
    }
  }
}
