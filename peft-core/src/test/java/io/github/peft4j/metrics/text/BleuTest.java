package io.github.peft4j.metrics.text;

import static io.github.peft4j.metrics.Goldens.assertNumber;
import static io.github.peft4j.metrics.Goldens.assertNumbers;
import static io.github.peft4j.metrics.Goldens.stringLists;
import static io.github.peft4j.metrics.Goldens.strings;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.peft4j.metrics.Goldens;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Holds BLEU and chrF to sacrebleu's. */
class BleuTest {

  static Iterable<JsonObject> bleus() {
    return Goldens.cases("bleu.json");
  }

  static Iterable<JsonObject> chrfs() {
    return Goldens.cases("chrf.json");
  }

  @ParameterizedTest
  @MethodSource("bleus")
  void bleuIsThatOfSacrebleu(JsonObject golden) {
    Bleu bleu = bleu(golden.getAsJsonObject("options"));
    List<List<String>> references = stringLists(golden.get("references"));
    List<String> predictions = strings(golden.get("predictions"));
    String first = predictions.get(0);
    assertThat(bleu.tokenizer().tokenize(first)).isEqualTo(strings(golden.get("tokens")));
    BleuScore score = bleu.corpus(references, predictions);
    assertNumbers(
        golden.get("lengths"),
        "lengths",
        (double) score.predictionLength(),
        (double) score.referenceLength());
    assertNumbers(
        golden.get("precisions"),
        "precisions of " + golden,
        score.precisions().stream().mapToDouble(p -> p).toArray());
    assertNumber(golden, "bp", score.brevityPenalty());
    assertNumber(golden, "score", score.score());
    assertThat(score).hasToString(golden.get("text").getAsString());
    assertThat(score.signature()).isEqualTo(golden.get("signature").getAsString());
    assertNumber(golden, "sentence", bleu.sentence(references.get(0), first).score());
  }

  private static Bleu bleu(JsonObject options) {
    JsonElement value = options.get("smooth_value");
    Smoothing smoothing =
        switch (options.get("smooth_method").getAsString()) {
          case "exp" -> Smoothing.exp();
          case "floor" -> Smoothing.floor(value.isJsonNull() ? 0.1 : value.getAsDouble());
          case "add-k" -> Smoothing.addK(value.isJsonNull() ? 1 : value.getAsDouble());
          default -> Smoothing.none();
        };
    return Bleu.standard()
        .tokenizer(
            Arrays.stream(BleuTokenizer.values())
                .filter(t -> t.id().equals(options.get("tokenize").getAsString()))
                .findFirst()
                .orElseThrow())
        .smoothing(smoothing)
        .lowercase(options.get("lowercase").getAsBoolean())
        .maxNgramOrder(options.get("max_ngram_order").getAsInt())
        .effectiveOrder(options.get("effective_order").getAsBoolean());
  }

  @ParameterizedTest
  @MethodSource("chrfs")
  void chrfIsThatOfSacrebleu(JsonObject golden) {
    JsonObject options = golden.getAsJsonObject("options");
    Chrf chrf =
        new Chrf(
            options.get("char_order").getAsInt(),
            options.get("word_order").getAsInt(),
            options.get("beta").getAsInt(),
            options.get("lowercase").getAsBoolean(),
            options.get("whitespace").getAsBoolean(),
            options.get("eps_smoothing").getAsBoolean());
    List<List<String>> references = stringLists(golden.get("references"));
    List<String> predictions = strings(golden.get("predictions"));
    ChrfScore score = chrf.corpus(references, predictions);
    assertNumber(golden, "score", score.score());
    assertThat(score).hasToString(golden.get("text").getAsString());
    assertThat(score.signature()).isEqualTo(golden.get("signature").getAsString());
    assertNumber(golden, "sentence", chrf.sentence(references.get(0), predictions.get(0)).score());
  }

  @Test
  void standardsAreThoseOfSacrebleu() {
    List<List<String>> references = List.of(List.of("The cat sat on the mat."));
    List<String> same = List.of("The cat sat on the mat.");
    assertThat(Bleu.standard().corpus(references, same).signature())
        .isEqualTo("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0");
    assertThat(Bleu.standard().corpus(references, same).values().keySet())
        .containsExactly("bleu", "bp", "sys_len", "ref_len");
    assertThat(Chrf.plusPlus().corpus(references, same)).hasToString("chrF2++ = 100.00");
    assertThat(Chrf.standard().corpus(references, same).values()).containsEntry("chrf", 100.0);
  }

  @Test
  void refusesWhatIsNoCorpus() {
    Bleu bleu = Bleu.standard();
    assertThatThrownBy(() -> bleu.corpus(List.of(List.of("a")), List.of("a", "b")))
        .hasMessage("1 rows of references and 2 predictions, expected as many of both");
    assertThatThrownBy(() -> bleu.corpus(List.of(List.of("a"), List.of()), List.of("a", "b")))
        .hasMessage("row 1 has no references, expected one at least");
    assertThatThrownBy(() -> bleu.corpus(List.of(), List.of()))
        .hasMessage("no rows of references, expected one at least");
    assertThatThrownBy(() -> bleu.sentence(List.of(), ""))
        .hasMessage("no references, expected one at least");
    assertThatThrownBy(() -> bleu.maxNgramOrder(0)).hasMessageContaining("expected 1 or more");
    assertThatThrownBy(() -> Smoothing.floor(0))
        .hasMessage("smoothing floor with the value 0.0, expected a positive number");
    assertThatThrownBy(() -> new Smoothing(Smoothing.Method.EXP, 1)).hasMessageContaining("0");
    assertThatThrownBy(() -> Chrf.standard().charOrder(0)).hasMessageStartingWith("charOrder 0");
  }
}
