package io.github.peft4j.train.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class MetricsTest {

  private static ConfusionMatrix matrix(int classes, int[] labels, int[] predictions) {
    ConfusionMatrix matrix = new ConfusionMatrix(classes);
    for (int i = 0; i < labels.length; i++) {
      matrix.add(labels[i], predictions[i]);
    }
    return matrix;
  }

  @Test
  void classifier() {
    // scikit-learn's example of f1_score: macro 0.2666…
    ConfusionMatrix matrix = matrix(3, new int[] {0, 1, 2, 0, 1, 2}, new int[] {0, 2, 1, 0, 0, 1});

    assertThat(matrix.accuracy()).isEqualTo(2 / 6.0);
    assertThat(matrix.macroF1()).isCloseTo(0.8 / 3, within(1e-12));
    assertThat(matrix.f1(0)).isCloseTo(0.8, within(1e-12));
    assertThat(matrix.count(1, 2)).isEqualTo(1);
    assertThat(matrix.total()).isEqualTo(6);
    assertThat(matrix).hasToString("6 predictions of 3 classes, accuracy 0.3333");
  }

  @Test
  void classesThatNeverOccurDoNotCount() {
    assertThat(matrix(9, new int[] {0, 1}, new int[] {0, 1}).macroF1()).isEqualTo(1);
    assertThat(matrix(9, new int[] {0, 1}, new int[] {0, 0}).macroF1())
        .isCloseTo((2 / 3.0 + 0) / 2, within(1e-12));
    assertThat(new ConfusionMatrix(2).macroF1()).isNaN();
    assertThat(new ConfusionMatrix(2).accuracy()).isNaN();
  }

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
