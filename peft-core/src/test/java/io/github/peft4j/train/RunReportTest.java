package io.github.peft4j.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.TextExample;
import io.github.peft4j.toy.TinyLlama;
import io.github.peft4j.toy.ToyConfig;
import io.github.peft4j.train.report.JsonLog;
import io.github.peft4j.train.report.Sample;
import io.github.peft4j.train.report.StepEvent;
import io.github.peft4j.train.report.TrainingListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a report knows of a run, and what it writes. */
class RunReportTest {

  @TempDir Path folder;
  @TempDir Path runs;

  @BeforeEach
  void writeTheModel() throws IOException {
    TinyLlama.write(folder);
  }

  private TrainingReport run(int epochs, TrainingListener listener) {
    try (PeftModel model = model()) {
      return FineTuner.of(model)
          .on(Examples.of(TinyLlama.EXAMPLES))
          .validateOn(Examples.of(TinyLlama.EXAMPLES.subList(0, 2)))
          .batchSize(2)
          .epochs(epochs)
          .learningRate(1e-2)
          .checkpointTo(runs)
          .listener(listener)
          .quiet()
          .run();
    }
  }

  private PeftModel model() {
    return Peft.load(folder.toString()).adapt(ToyConfig.of(1, 0).targetModules("all-linear"));
  }

  @Test
  void aReportKnowsEachStepAfterAResumeToo() throws IOException {
    List<StepEvent> events = new ArrayList<>();
    TrainingListener listener =
        new TrainingListener() {
          @Override
          public void onStep(StepEvent event) {
            events.add(event);
          }
        };
    run(2, listener);
    TrainingReport report = run(3, listener);

    assertThat(events).hasSize(6);
    assertThat(report.details().learningRates())
        .isEqualTo(events.stream().map(e -> (float) e.learningRate()).toList());
    assertThat(report.details().gradNorms())
        .isEqualTo(events.stream().map(e -> (float) e.gradNorm()).toList());
    assertThat(report.details().tokensPerSecond())
        .isEqualTo(events.stream().map(e -> (float) e.tokensPerSecond()).toList());
    assertThat(report.details().settings()).containsEntry("batch_size", "2");
    assertThat(report.details().provenance())
        .containsEntry("seed", "42")
        .hasEntrySatisfying(
            "SHA-256 of its weights", hash -> assertThat(hash).matches("[0-9a-f]{64}"))
        .containsKeys("base model", "SHA-256 of the training data", "version of peft4j", "machine");
  }

  @Test
  void stepsOfAnOlderVersionAreGaps() throws IOException {
    run(2, new TrainingListener() {});
    Path newest = runs.resolve("checkpoint-4");
    Path state = newest.resolve("trainer_state.json");
    JsonObject json = JsonParser.parseString(Files.readString(state)).getAsJsonObject();
    List.of("rates", "norms", "speeds").forEach(json::remove);
    Files.writeString(state, json.toString());
    Files.delete(newest.resolve(Checksums.FILE));
    Checksums.write(newest);

    List<Float> rates = run(3, new TrainingListener() {}).details().learningRates();
    assertThat(rates.subList(0, 4)).containsOnly(Float.NaN);
    assertThat(rates.subList(4, 6)).allMatch(rate -> rate > 0);
  }

  @Test
  void thePageHasWhatTheRunKnows() throws IOException {
    Path page = runs.resolve("report.html");
    run(2, new TrainingListener() {})
        .html(page.toString(), List.of(new Sample("<b>a b</b>", "c", "d")));

    assertThat(Files.readString(page))
        .contains("final training loss", "Learning rate", "batch_size", "validation loss")
        .contains("&lt;b&gt;a b&lt;/b&gt;", "SHA-256 of the training data")
        .doesNotContain("<b>a b");
  }

  /** The report, the log and the page of a run that is packed and cut. */
  @Test
  void allSayTheSameNumbers() throws IOException {
    List<TextExample> texts =
        List.of(
            new TextExample("a b c"),
            new TextExample("d a"),
            new TextExample("b c d a b c d a b c d a"),
            new TextExample("c"));
    Path log = runs.resolve("log.jsonl");
    TrainingReport report;
    try (PeftModel model = model()) {
      report =
          FineTuner.of(model)
              .on(Examples.of(texts))
              .validateOn(Examples.of(texts.subList(2, 3)))
              .packing(true)
              .maxLength(8)
              .batchSize(1)
              .epochs(2)
              .listener(JsonLog.to(log))
              .quiet()
              .run();
    }
    List<String> lines = Files.readAllLines(log);
    JsonObject start = JsonParser.parseString(lines.get(0)).getAsJsonObject();
    JsonObject training = start.getAsJsonObject("training");
    JsonObject end = JsonParser.parseString(lines.get(lines.size() - 1)).getAsJsonObject();

    assertThat(report.truncated().cut()).isEqualTo(1);
    assertThat(report.data().rows()).isLessThan(4);
    assertThat(report.tokens()).isEqualTo(2 * report.data().tokens());
    assertThat(end.get("tokens").getAsLong()).isEqualTo(report.tokens());
    assertThat(training.get("examples").getAsInt()).isEqualTo(4);
    assertThat(training.get("tokens").getAsLong()).isEqualTo(report.data().tokens());
    assertThat(training.get("rows").getAsInt()).isEqualTo(report.data().rows());
    assertThat(training.get("cut").getAsInt()).isEqualTo(1);
    assertThat(training.get("longest").getAsInt()).isEqualTo(report.truncated().longest());
    assertThat(start.getAsJsonObject("validation").get("cut").getAsInt()).isEqualTo(1);
    assertThat(report.data().toString())
        .contains(
            "4 examples of %d tokens in %d rows"
                .formatted(report.data().tokens(), report.data().rows()));
    assertThat(report.sheet(List.of()).data().get("training"))
        .containsEntry("tokens", report.data().tokens())
        .containsEntry("rows", (long) report.data().rows())
        .containsEntry("cut", 1L)
        .containsEntry("without labels", (long) report.data().withoutLabels())
        .containsEntry("longest, tokens", (long) report.truncated().longest());
    assertThat(report.sheet(List.of()).results())
        .containsEntry("tokens of this process", "" + report.tokens());
  }

  private record OwnExample(String text) implements Example {
    @Override
    public List<String> fields() {
      return List.of(text);
    }
  }

  @Test
  void samplesLieAtEqualDistances() {
    try (PeftModel model = model()) {
      assertThat(Samples.of(model, Examples.of(TinyLlama.EXAMPLES), 2))
          .extracting(sample -> sample.input().text(), sample -> sample.expected().text())
          .containsExactly(tuple("a b", " c"), tuple("a a", " c"));
      assertThat(Samples.of(model, Examples.of(TinyLlama.EXAMPLES), 99)).hasSize(4);
      assertThatThrownBy(() -> Samples.of(model, Examples.of(new OwnExample("a")), 1))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("OwnExample");
    }
  }
}
