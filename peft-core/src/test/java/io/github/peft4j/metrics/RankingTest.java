package io.github.peft4j.metrics;

import static io.github.peft4j.metrics.Goldens.assertNumber;
import static io.github.peft4j.metrics.Goldens.booleanTable;
import static io.github.peft4j.metrics.Goldens.booleans;
import static io.github.peft4j.metrics.Goldens.doubles;
import static io.github.peft4j.metrics.Goldens.ints;
import static io.github.peft4j.metrics.Goldens.table;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonObject;
import java.util.Arrays;
import java.util.Locale;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Holds areas, average precisions and log losses to scikit-learn's. */
class RankingTest {

  static Iterable<JsonObject> goldens() {
    return Goldens.cases("ranking.json");
  }

  @ParameterizedTest
  @MethodSource("goldens")
  void isThatOfScikitLearn(JsonObject golden) {
    if (golden.has("scores")) {
      boolean[] labels = booleans(golden.get("labels"));
      double[] scores = doubles(golden.get("scores"));
      assertNumber(golden, "auc", Ranking.rocAuc(labels, scores));
      assertNumber(golden, "ap", Ranking.averagePrecision(labels, scores));
      boolean[][] table = booleanTable(golden.get("table"));
      double[][] rows = table(golden.get("rows"));
      for (Average average : Average.values()) {
        String name = average.name().toLowerCase(Locale.ROOT);
        assertNumber(golden, "auc_" + name, Ranking.rocAuc(table, rows, average));
        assertNumber(golden, "ap_" + name, Ranking.averagePrecision(table, rows, average));
      }
    }
    if (golden.has("classes")) {
      int[] classes = ints(golden.get("classes"));
      double[][] probabilities = table(golden.get("probabilities"));
      assertNumber(golden, "logLoss", LogLoss.of(classes, probabilities));
      boolean[][] rest = Ranking.oneVersusRest(classes, probabilities[0].length);
      if (golden.has("ovr")) {
        assertNumber(golden, "ovr", Ranking.rocAuc(rest, probabilities, Average.MACRO));
        assertNumber(golden, "ovrWeighted", Ranking.rocAuc(rest, probabilities, Average.WEIGHTED));
      }
    }
  }

  @Test
  void areaOfReversedScoresIsTheRest() {
    Random random = new Random(3);
    for (int i = 0; i < 100; i++) {
      double[] scores = random.doubles(20).map(x -> Math.rint(8 * x)).toArray();
      boolean[] labels = new boolean[20];
      for (int j = 1; j < 20; j++) {
        labels[j] = j == 1 || random.nextBoolean();
      }
      double[] reversed = Arrays.stream(scores).map(x -> -x).toArray();
      assertThat(Ranking.rocAuc(labels, scores) + Ranking.rocAuc(labels, reversed))
          .isCloseTo(1, within(1e-12));
    }
  }

  @Test
  void refusesWhatIsNoScore() {
    assertThatThrownBy(() -> Ranking.rocAuc(new boolean[1], new double[] {Double.NaN}))
        .hasMessage("scores[0] is NaN, expected a number");
    assertThatThrownBy(() -> Ranking.averagePrecision(new boolean[1], new double[2]))
        .hasMessage("1 labels and 2 scores, expected as many of both");
    assertThatThrownBy(() -> Ranking.rocAuc(new boolean[1][2], new double[1][1], Average.MICRO))
        .hasMessageContaining("2 labels of a row and 1 scores of a row");
    assertThatThrownBy(() -> LogLoss.of(new int[] {0}, new double[][] {{2, -1}}))
        .hasMessage("row 0 has the probability 2.0, expected 0 to 1");
    assertThatThrownBy(() -> LogLoss.of(new int[] {0}, new double[][] {{0.5, 0.1}}))
        .hasMessageContaining("are these logits?");
    assertThatThrownBy(() -> LogLoss.of(new int[] {2}, new double[][] {{0.5, 0.5}}))
        .hasMessage("label 2, expected 0 to 1");
  }
}
