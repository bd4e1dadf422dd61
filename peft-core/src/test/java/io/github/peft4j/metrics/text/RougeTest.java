package io.github.peft4j.metrics.text;

import static io.github.peft4j.metrics.Goldens.assertNumbers;
import static io.github.peft4j.metrics.Goldens.strings;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonObject;
import io.github.peft4j.metrics.Goldens;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Holds ROUGE to rouge-score's, and stems to NLTK's. */
class RougeTest {

  static Iterable<JsonObject> goldens() {
    return Goldens.cases("rouge.json");
  }

  @ParameterizedTest
  @MethodSource("goldens")
  void isThatOfRougeScore(JsonObject golden) {
    JsonObject scores = golden.getAsJsonObject("scores");
    Rouge rouge = new Rouge(List.copyOf(scores.keySet()), golden.get("stemmer").getAsBoolean());
    rouge
        .score(strings(golden.get("references")), golden.get("prediction").getAsString())
        .forEach(
            (type, score) ->
                assertNumbers(
                    scores.get(type),
                    type + " of " + golden,
                    score.precision(),
                    score.recall(),
                    score.fmeasure()));
  }

  @Test
  void stemsAreThoseOfNltk() {
    JsonObject stems = Goldens.cases("stems.json").get(0).getAsJsonObject("stems");
    assertThat(stems.keySet())
        .hasSizeGreaterThan(500)
        .allSatisfy(
            word ->
                assertThat(PorterStemmer.stem(word))
                    .as(word)
                    .isEqualTo(stems.get(word).getAsString()));
  }

  @Test
  void meanIsOverPredictions() {
    RougeReport report =
        Rouge.standard()
            .mean(List.of(List.of("a cat runs"), List.of("x")), List.of("a cat running", "y"));
    assertThat(report.values()).containsOnlyKeys("rouge1", "rouge2", "rougeL", "rougeLsum");
    assertThat(report.values().get("rouge1")).isCloseTo(50, within(1e-12));
    assertThat(report.scores().values())
        .first()
        .satisfies(score -> assertThat(score.recall()).isCloseTo(0.5, within(1e-12)));
  }

  @Test
  void longTextsNeedLittleMemory() {
    String text = "one two three four five six ".repeat(1000);
    assertThat(Rouge.standard().score(text, text + "seven").values())
        .allSatisfy(score -> assertThat(score.recall()).isEqualTo(1));
  }

  @Test
  void refusesWhatIsNoType() {
    assertThatThrownBy(() -> Rouge.standard().types(List.of("rouge0")))
        .hasMessage("type 'rouge0', expected rouge1 to rouge9, rougeL or rougeLsum");
    assertThatThrownBy(() -> Rouge.standard().types(List.of()))
        .hasMessage("no types, expected one at least");
    assertThatThrownBy(() -> Rouge.standard().score(List.of(), "x"))
        .hasMessage("no references, expected one at least");
    assertThatThrownBy(() -> Rouge.standard().mean(List.of(List.of("x")), List.of()))
        .hasMessage("1 rows of references and 0 predictions, expected as many of both");
  }
}
