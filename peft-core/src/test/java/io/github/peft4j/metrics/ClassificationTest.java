package io.github.peft4j.metrics;

import static io.github.peft4j.metrics.Goldens.assertClasses;
import static io.github.peft4j.metrics.Goldens.assertNumber;
import static io.github.peft4j.metrics.Goldens.assertScores;
import static io.github.peft4j.metrics.Goldens.ints;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Holds the metrics of classes to scikit-learn's. */
class ClassificationTest {

  static Iterable<JsonObject> goldens() {
    return Goldens.cases("classification.json");
  }

  @ParameterizedTest
  @MethodSource("goldens")
  void isThatOfScikitLearn(JsonObject golden) {
    int classes = golden.get("classes").getAsInt();
    ConfusionMatrix matrix =
        ConfusionMatrix.of(ints(golden.get("labels")), ints(golden.get("predictions")), classes);
    Classification metrics =
        new Classification(matrix, ZeroDivision.valueOf(golden.get("zero").getAsString()));
    assertNumber(golden, "accuracy", metrics.accuracy());
    assertNumber(golden, "matthews", metrics.matthews());
    assertClasses(golden, "perClass", metrics.perClass());
    assertScores(golden, "micro", metrics.micro());
    assertScores(golden, "macro", metrics.macro());
    assertScores(golden, "weighted", metrics.weighted());
    double[][] counts = Goldens.table(golden.get("matrix"));
    for (int i = 0; i < classes; i++) {
      for (int j = 0; j < classes; j++) {
        assertThat(matrix.count(i, j)).isEqualTo((long) counts[i][j]);
      }
    }
  }

  @Test
  void namesAreInOrder() {
    assertThat(Classification.of(new int[] {0, 1, 1}, new int[] {0, 1, 0}, 2).values().keySet())
        .containsExactly(
            "accuracy",
            "f1",
            "precision",
            "recall",
            "macro_f1",
            "macro_precision",
            "macro_recall",
            "weighted_f1",
            "weighted_precision",
            "weighted_recall",
            "matthews_correlation");
    assertThat(Classification.of(new int[] {0, 1, 2}, new int[] {0, 1, 0}, 3).values())
        .doesNotContainKey("f1");
  }

  @Test
  void refusesWhatIsNoPrediction() {
    assertThatThrownBy(() -> Classification.of(new int[] {0, 1}, new int[] {0}, 2))
        .hasMessage("2 labels and 1 predictions, expected as many of both");
    assertThatThrownBy(() -> Classification.of(new int[0], new int[0], 2))
        .hasMessage("no labels, expected one at least");
    assertThatThrownBy(() -> Classification.of(new int[] {0}, new int[] {2}, 2))
        .hasMessage("prediction 2, expected 0 to 1");
    assertThatThrownBy(() -> Classification.of(new int[] {-100}, new int[] {1}, 2))
        .hasMessage("label -100, expected 0 to 1");
    assertThatThrownBy(() -> new Classification(new ConfusionMatrix(2), ZeroDivision.ZERO))
        .hasMessage("no predictions, expected one at least");
    assertThatThrownBy(() -> new ConfusionMatrix(0)).hasMessageStartingWith("0 classes");
  }
}
