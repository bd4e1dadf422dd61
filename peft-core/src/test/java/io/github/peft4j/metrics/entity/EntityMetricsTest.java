package io.github.peft4j.metrics.entity;

import static io.github.peft4j.metrics.Goldens.assertClasses;
import static io.github.peft4j.metrics.Goldens.assertNumber;
import static io.github.peft4j.metrics.Goldens.assertScores;
import static io.github.peft4j.metrics.Goldens.stringLists;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.peft4j.metrics.Goldens;
import io.github.peft4j.metrics.ZeroDivision;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Holds the metrics of entities to seqeval's. */
class EntityMetricsTest {

  static Iterable<JsonObject> goldens() {
    return Goldens.cases("entities.json");
  }

  @ParameterizedTest
  @MethodSource("goldens")
  void isThatOfSeqeval(JsonObject golden) {
    String scheme = golden.get("scheme").getAsString();
    Function<List<String>, List<Entity>> decoder =
        scheme.equals("DEFAULT") ? Tags::entities : TagScheme.valueOf(scheme)::entities;
    List<List<String>> labels = stringLists(golden.get("labels"));
    assertThat(decoder.apply(labels.get(0))).isEqualTo(entities(golden.get("first")));
    EntityMetrics metrics =
        EntityMetrics.of(
            labels,
            stringLists(golden.get("predictions")),
            decoder,
            ZeroDivision.valueOf(golden.get("zero").getAsString()));
    assertNumber(golden, "accuracy", metrics.accuracy());
    assertClasses(golden, "byType", new ArrayList<>(metrics.byType().values()));
    assertScores(golden, "micro", metrics.micro());
    assertScores(golden, "macro", metrics.macro());
    assertScores(golden, "weighted", metrics.weighted());
  }

  private static List<Entity> entities(JsonElement rows) {
    List<Entity> entities = new ArrayList<>();
    for (JsonElement row : rows.getAsJsonArray()) {
      entities.add(
          new Entity(
              row.getAsJsonArray().get(0).getAsString(),
              row.getAsJsonArray().get(1).getAsInt(),
              row.getAsJsonArray().get(2).getAsInt()));
    }
    return entities;
  }

  @Test
  void namesAreThoseOfTheExample() {
    List<List<String>> rows = List.of(List.of("B-PER", "I-PER", "O", "B-LOC"));
    assertThat(EntityMetrics.of(rows, rows, TagScheme.IOB2).values().keySet())
        .containsExactly(
            "precision",
            "recall",
            "f1",
            "accuracy",
            "LOC_precision",
            "LOC_recall",
            "LOC_f1",
            "LOC_number",
            "PER_precision",
            "PER_recall",
            "PER_f1",
            "PER_number");
  }

  @Test
  void refusesWhatIsNoTag() {
    List<List<String>> rows = List.of(List.of("O"));
    assertThatThrownBy(() -> EntityMetrics.of(rows, List.of(List.of("U-PER"))))
        .hasMessageStartingWith("row 0 of the predictions: tag 'U-PER', expected O, or B, I, E");
    assertThatThrownBy(() -> EntityMetrics.of(List.of(List.of("")), rows))
        .hasMessageStartingWith("row 0 of the labels: tag ''");
    assertThatThrownBy(() -> EntityMetrics.of(rows, List.of(List.of("E-X")), TagScheme.IOB2))
        .hasMessage(
            "row 0 of the predictions: tag 'E-X', expected one that begins with I, O, B, as IOB2"
                + " has it");
    assertThatThrownBy(() -> EntityMetrics.of(rows, List.of(List.of("O", "O"))))
        .hasMessage("row 0 has 1 labels and 2 predictions, expected as many of both");
    assertThatThrownBy(() -> EntityMetrics.of(rows, List.of())).hasMessageContaining("rows");
    assertThatThrownBy(() -> EntityMetrics.of(List.of(List.of()), List.of(List.of())))
        .hasMessage("no tags, expected one at least");
  }
}
