package io.github.peft4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ComparisonChartTest {

  @Test
  void labelsSayTheNumberAtTheTick() {
    assertThat(ComparisonChart.parameters(Math.log10(156_675))).isEqualTo("156,675");
    assertThat(ComparisonChart.parameters(Math.log10(22_713_986))).isEqualTo("22,713,986");
    assertThat(ComparisonChart.parameters(5)).isEqualTo("100,000");
    assertThat(ComparisonChart.parameters(5.1)).isEqualTo("125,893");
  }
}
