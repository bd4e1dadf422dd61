package io.github.peft4j.metrics;

import static io.github.peft4j.metrics.Goldens.assertClasses;
import static io.github.peft4j.metrics.Goldens.assertNumber;
import static io.github.peft4j.metrics.Goldens.assertScores;
import static io.github.peft4j.metrics.Goldens.booleanTable;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Holds the metrics of several labels to scikit-learn's. */
class MultiLabelTest {

  static Iterable<JsonObject> goldens() {
    return Goldens.cases("multilabel.json");
  }

  @ParameterizedTest
  @MethodSource("goldens")
  void isThatOfScikitLearn(JsonObject golden) {
    MultiLabel metrics =
        MultiLabel.of(
            booleanTable(golden.get("labels")),
            booleanTable(golden.get("predictions")),
            ZeroDivision.valueOf(golden.get("zero").getAsString()));
    assertNumber(golden, "subset", metrics.subsetAccuracy());
    assertClasses(golden, "perLabel", metrics.perLabel());
    assertScores(golden, "micro", metrics.micro());
    assertScores(golden, "macro", metrics.macro());
    assertScores(golden, "weighted", metrics.weighted());
    assertScores(golden, "samples", metrics.samples());
    assertThat(metrics.values()).hasSize(13).containsEntry("micro_f1", metrics.micro().f1());
  }

  @Test
  void refusesOtherShapes() {
    boolean[][] two = {{true, false}};
    assertThatThrownBy(() -> MultiLabel.of(two, new boolean[][] {{true}}))
        .hasMessage("2 labels of a row and 1 predictions of a row, expected as many of both");
    assertThatThrownBy(() -> MultiLabel.of(two, new boolean[0][])).hasMessageContaining("rows");
    assertThatThrownBy(() -> MultiLabel.of(new boolean[0][], new boolean[0][]))
        .hasMessageContaining("no rows of labels");
    assertThatThrownBy(() -> MultiLabel.of(new boolean[][] {{true}, {}}, new boolean[2][1]))
        .hasMessage("row 1 has 0 labels, expected 1 as in row 0");
  }
}
