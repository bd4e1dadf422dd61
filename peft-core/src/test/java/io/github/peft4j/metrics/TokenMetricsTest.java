package io.github.peft4j.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class TokenMetricsTest {

  @Test
  void accuracyLeavesOutIgnoredTokens() {
    assertThat(TokenMetrics.accuracy(new long[] {5, -100, 7, 9}, new long[] {5, -100, 8, 9}))
        .isCloseTo(2.0 / 3, within(1e-15));
    assertThatThrownBy(() -> TokenMetrics.accuracy(new long[] {-100}, new long[] {1}))
        .hasMessage("no labels that are not -100, expected one at least");
    assertThatThrownBy(() -> TokenMetrics.accuracy(new long[1], new long[2]))
        .hasMessage("1 labels and 2 predictions, expected as many of both");
  }

  @Test
  void perplexityIsTheExponentialOfTheMean() {
    assertThat(TokenMetrics.perplexity(new double[] {Math.log(2), Math.log(8)}))
        .isCloseTo(4, within(1e-12));
    assertThat(TokenMetrics.perplexity(new double[] {1000})).isInfinite();
    assertThatThrownBy(() -> TokenMetrics.perplexity(new double[] {-1}))
        .hasMessage("loss -1.0, expected 0 or more");
    assertThatThrownBy(() -> TokenMetrics.perplexity(new double[] {Double.NaN}))
        .hasMessage("losses[0] is NaN, expected a number");
  }
}
