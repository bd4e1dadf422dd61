package io.github.peft4j.examples;

import java.awt.Color;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.ToDoubleFunction;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.BitmapEncoder.BitmapFormat;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries.XYSeriesRenderStyle;
import org.knowm.xchart.style.Styler.LegendPosition;

/**
 * Draws the accuracy of methods over the number of parameters that they train. The horizontal axis
 * is logarithmic: it shows decimal logarithms, whose ticks are labelled with the numbers
 * themselves, so that a label is exact wherever a tick lies.
 */
final class ComparisonChart {

  private static final String UNITS = " kMG";
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
    chart.getStyler().setYAxisMin(ys.min()).setYAxisMax(ys.max());
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

  /** The label of a decimal logarithm: three significant digits, as 157k, 1.2M. */
  static String parameters(double logarithm) {
    BigDecimal number = BigDecimal.valueOf(Math.pow(10, logarithm)).round(new MathContext(3));
    int unit =
        Math.min(UNITS.length() - 1, Math.max(0, number.precision() - number.scale() - 1) / 3);
    String digits = number.movePointLeft(3 * unit).stripTrailingZeros().toPlainString();
    return (digits + UNITS.charAt(unit)).strip();
  }

  /** What an axis shows: all values and some room, so that no marker lies on the frame. */
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
