package io.github.peft4j.metrics.text;

import static io.github.peft4j.metrics.Goldens.assertReport;
import static io.github.peft4j.metrics.Goldens.doubles;
import static io.github.peft4j.metrics.Goldens.stringLists;
import static io.github.peft4j.metrics.Goldens.strings;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import io.github.peft4j.metrics.Goldens;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Holds the metrics of answers to those of SQuAD's scripts. */
class AnswersTest {

  static Iterable<JsonObject> goldens() {
    return Goldens.cases("answers.json");
  }

  @ParameterizedTest
  @MethodSource("goldens")
  void isThatOfSquad(JsonObject golden) {
    List<List<String>> answers = stringLists(golden.get("answers"));
    List<String> predictions = strings(golden.get("predictions"));
    assertThat(predictions.stream().map(Answers::normalize).toList())
        .isEqualTo(strings(golden.get("normalized")));
    if (golden.has("squad")) {
      assertReport(golden.getAsJsonObject("squad"), Squad.of(answers, predictions).values());
    }
    assertReport(golden.getAsJsonObject("squad2"), SquadV2.of(answers, predictions).values());
    SquadV2 metrics =
        SquadV2.of(
            answers,
            predictions,
            doubles(golden.get("probabilities")),
            golden.get("threshold").getAsDouble());
    assertReport(golden.getAsJsonObject("squad2Threshold"), metrics.values());
    assertThat(metrics.values().keySet())
        .isEqualTo(golden.getAsJsonObject("squad2Threshold").keySet());
  }

  @Test
  void exactMatchIsExact() {
    assertThat(ExactMatch.of(List.of("a", "b"), List.of("a", "B")).values())
        .containsEntry("exact_match", 0.5);
    assertThatThrownBy(() -> ExactMatch.of(List.of(), List.of()))
        .hasMessage("no references, expected one at least");
  }

  @Test
  void refusesQuestionsWithoutAnAnswer() {
    assertThatThrownBy(() -> Squad.of(List.of(List.of()), List.of("x")))
        .hasMessage("row 0 has no answers, expected one at least");
    assertThatThrownBy(() -> Squad.of(List.of(List.of("x")), List.of()))
        .hasMessage("1 rows of answers and 0 predictions, expected as many of both");
    assertThatThrownBy(() -> SquadV2.of(List.of(), List.of()))
        .hasMessage("no rows of answers, expected one at least");
    assertThatThrownBy(
            () -> SquadV2.of(List.of(List.of()), List.of(""), new double[] {Double.NaN}, 1))
        .hasMessage("noAnswerProbabilities[0] is NaN, expected a number");
  }
}
