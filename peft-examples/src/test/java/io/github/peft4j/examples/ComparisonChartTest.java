package io.github.peft4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.peft4j.chart.Chart;
import io.github.peft4j.examples.Comparison.Result;
import java.util.List;
import org.junit.jupiter.api.Test;

class ComparisonChartTest {

  private static Result result(String method, double accuracy, long trainable) {
    return new Result(method, accuracy, accuracy, trainable, 1000, 10, 1.5, 900, null);
  }

  @Test
  void eachMethodIsAPointWithItsName() {
    Chart chart =
        ComparisonChart.of(List.of(result("ia3", 0.91, 156_675), result("prefix", 0.9, 262_035)));

    assertThat(chart.marks()).extracting(Chart.Mark::name).containsExactly("ia3", "prefix");
    assertThat(chart.marks()).extracting(Chart.Mark::x).containsExactly(156_675.0, 262_035.0);
    assertThat(chart.marks()).extracting(Chart.Mark::y).containsExactly(91.0, 90.0);
    assertThat(chart.x().label()).contains("log scale");
  }

  @Test
  void numbersOfAMethodComeBackFromItsProcess() {
    Result result = result("lora", Double.NaN, 222_338);
    assertThat(Result.of(result.json("classify"))).isEqualTo(result);
    assertThat(result.json("classify"))
        .startsWith("{\"task\":\"classify\",\"method\":\"lora\"")
        .contains("\"trainable\":222338", "\"macro_f1\":");
  }
}
