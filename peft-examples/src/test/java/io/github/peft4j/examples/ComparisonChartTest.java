package io.github.peft4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ComparisonChartTest {

  @Test
  void labelsSayTheNumberAtTheTick() {
    assertThat(ComparisonChart.parameters(Math.log10(156_675))).isEqualTo("157k");
    assertThat(ComparisonChart.parameters(Math.log10(262_035))).isEqualTo("262k");
    assertThat(ComparisonChart.parameters(5)).isEqualTo("100k");
    assertThat(ComparisonChart.parameters(6)).isEqualTo("1M");
    assertThat(ComparisonChart.parameters(5.9999999)).isEqualTo("1M");
    assertThat(ComparisonChart.parameters(6.2)).isEqualTo("1.58M");
    assertThat(ComparisonChart.parameters(2.5)).isEqualTo("316");
    assertThat(ComparisonChart.parameters(9.5)).isEqualTo("3.16G");
  }
}
