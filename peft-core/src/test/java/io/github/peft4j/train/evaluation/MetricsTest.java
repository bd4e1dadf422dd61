package io.github.peft4j.train.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class MetricsTest {

  @Test
  void metricsByName() {
    Map<String, Double> values = new LinkedHashMap<>();
    values.put(Metrics.LOSS, 0.5);
    values.put(Metrics.PERPLEXITY, Math.exp(0.5));
    Metrics metrics = new Metrics(values);
    assertThat(metrics).hasToString("loss 0.5000, perplexity 1.6487");
    assertThat(metrics.has(Metrics.ACCURACY)).isFalse();
    assertThatThrownBy(() -> metrics.get("bleu"))
        .hasMessage("no metric 'bleu': there are loss, perplexity");
  }
}
