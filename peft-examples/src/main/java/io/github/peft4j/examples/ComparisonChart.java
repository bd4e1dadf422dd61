package io.github.peft4j.examples;

import java.awt.Color;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.BitmapEncoder.BitmapFormat;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries.XYSeriesRenderStyle;
import org.knowm.xchart.style.Styler.LegendPosition;

/**
 * Draws the accuracy of methods over the number of parameters that they train. The horizontal axis
 * shows decimal logarithms. Its ticks are labelled with the numbers themselves, so that each label
 * is exact.
 */
final class ComparisonChart {

  private static final double MARGIN = 0.08;

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
    chart.getStyler().setPlotGridLinesColor(new Color(0xE5E5E5));
    chart.getStyler().setMarkerSize(12);
    chart.getStyler().setxAxisTickLabelsFormattingFunction(ComparisonChart::parameters);
    chart.getStyler().setXAxisTickMarkSpacingHint(120);
    chart.getStyler().setYAxisTickMarkSpacingHint(60);
    ToDoubleFunction<Comparison.Result> x = result -> Math.log10((double) result.trainable());
    ToDoubleFunction<Comparison.Result> y = result -> 100 * result.accuracy();
    Range xs = Range.around(results, x, 0.1);
    Range ys = Range.around(results, y, 1);
    chart.getStyler().setXAxisMin(xs.min()).setXAxisMax(xs.max());
    chart.getStyler().setYAxisMin(Math.floor(ys.min())).setYAxisMax(Math.ceil(ys.max()));
    chart.getStyler().setYAxisDecimalPattern("0.##");
    for (Comparison.Result result : results) {
      chart.addSeries(
          result.method(),
          new double[] {x.applyAsDouble(result)},
          new double[] {y.applyAsDouble(result)});
    }
    try {
      Files.createDirectories(path.toAbsolutePath().getParent());
      BitmapEncoder.saveBitmap(chart, path.toString(), BitmapFormat.PNG);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write " + path + ": " + e, e);
    }
  }

  /** The label of a decimal logarithm: the number of parameters, to the last digit. */
  static String parameters(double logarithm) {
    return String.format(Locale.ROOT, "%,d", Math.round(Math.pow(10, logarithm)));
  }

  /** The range of an axis: all values and a margin, so that no marker lies on the frame. */
  private record Range(double min, double max) {
    static Range around(
        List<Comparison.Result> results, ToDoubleFunction<Comparison.Result> value, double least) {
      double min = results.stream().mapToDouble(value).min().orElse(0);
      double max = results.stream().mapToDouble(value).max().orElse(1);
      double room = Math.max(least, MARGIN * (max - min));
      return new Range(min - room, max + room);
    }
  }
}
