package io.github.peft4j.chart;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.peft4j.chart.Axis.Range;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class TicksTest {

  private static List<String> labels(Axis axis, double min, double max, int most) {
    return Ticks.of(axis, new Range(min, max), most).stream().map(Ticks.Tick::label).toList();
  }

  @Test
  void labelsAreTheValuesAtTheirTicks() {
    Random random = new Random(3);
    for (int i = 0; i < 2000; i++) {
      double min = Math.pow(10, 16 * random.nextDouble() - 8);
      Range range = new Range(min, min * (1.001 + Math.pow(10, 5 * random.nextDouble() - 2)));
      for (Axis axis : List.of(Axis.linear(""), Axis.log(""), Axis.whole(""))) {
        List<Ticks.Tick> ticks = Ticks.of(axis, range, 6);
        if (axis.kind() != Axis.Kind.WHOLE) {
          assertThat(ticks).as("%s %s", axis, range).hasSizeGreaterThanOrEqualTo(2);
        }
        assertThat(ticks).hasSizeLessThanOrEqualTo(8);
        assertThat(ticks)
            .allSatisfy(
                tick -> {
                  assertThat(tick.value()).isBetween(range.min() - 1e-9, range.max() * 1.000001);
                  assertThat(number(tick.label()) / tick.value()).isBetween(1 - 1e-6, 1 + 1e-6);
                })
            .extracting(Ticks.Tick::label)
            .doesNotHaveDuplicates();
      }
    }
  }

  private static double number(String label) {
    String digits = label.replaceAll("[,kMG]", "");
    double unit =
        label.endsWith("k") ? 1e3 : label.endsWith("M") ? 1e6 : label.endsWith("G") ? 1e9 : 1;
    return Double.parseDouble(digits) * unit;
  }

  @Test
  void labelsOfAnAxisHaveOneUnit() {
    assertThat(labels(Axis.whole("step"), 1, 20_000, 5)).containsExactly("5k", "10k", "15k", "20k");
    assertThat(labels(Axis.linear(""), 0, 2e-4, 5))
        .containsExactly("0", "5e-5", "1e-4", "1.5e-4", "2e-4");
    assertThat(labels(Axis.linear(""), 0, 0.002, 5))
        .containsExactly("0", "0.0005", "0.001", "0.0015", "0.002");
    assertThat(labels(Axis.linear(""), 0.1, 0.72, 5)).containsExactly("0.2", "0.4", "0.6");
  }

  @Test
  void logarithmicTicksAreRoundNumbers() {
    assertThat(labels(Axis.log(""), 120_000, 30e6, 10))
        .containsExactly("200k", "500k", "1M", "2M", "5M", "10M", "20M");
    assertThat(labels(Axis.log(""), 1, 1e6, 7))
        .containsExactly("1", "10", "100", "1,000", "10k", "100k", "1M");
    assertThat(labels(Axis.log(""), 156_000, 262_000, 6)).hasSizeBetween(3, 6);
  }

  @Test
  void oneStepIsAWholeNumberBetweenOthers() {
    assertThat(Axis.whole("").range(java.util.stream.DoubleStream.of(1)))
        .isEqualTo(new Range(0, 2));
    assertThat(Axis.linear("").range(java.util.stream.DoubleStream.empty()))
        .isEqualTo(new Range(0, 1));
  }
}
