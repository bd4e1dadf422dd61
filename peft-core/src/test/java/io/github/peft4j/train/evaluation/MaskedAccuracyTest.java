package io.github.peft4j.train.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import com.google.gson.Gson;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.GoldenTokenizers;
import io.github.peft4j.data.batch.EncodedDataset;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.transformer.config.Task;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Measures of masked tokens against transformers: golden-tasks/make_masked.py makes them. */
class MaskedAccuracyTest {

  @TempDir private Path folder;

  private record Golden(List<Row> rows, double loss, double perplexity, double accuracy) {}

  private record Row(long[] ids, long[] labels) {}

  @Test
  void lossPerplexityAndAccuracyAreThoseOfRunMlm() throws IOException {
    GoldenTokenizers.write("bert.json", folder);
    Path golden = GoldenTokenizers.resources("golden-tasks");
    for (String file : List.of("config.json", "model.safetensors")) {
      Files.copy(
          golden.resolve("filler-bert").resolve(file),
          folder.resolve(file),
          StandardCopyOption.REPLACE_EXISTING);
    }
    Golden expected =
        new Gson().fromJson(Files.readString(golden.resolve("masked.json")), Golden.class);
    EncodedDataset data =
        new EncodedDataset(
            expected.rows().stream()
                .map(row -> EncodedExample.ofTokens(row.ids(), row.labels()))
                .toList());
    try (PeftModel model = Peft.from(folder).device(Device.cpu()).load()) {
      for (int batchSize : List.of(1, 3)) {
        Metrics metrics =
            new Evaluator(model, batchSize, 64).evaluate(data, () -> false).orElseThrow();
        assertThat(metrics.values().keySet()).containsExactly("loss", "perplexity", "accuracy");
        assertThat(metrics.get("loss")).isCloseTo(expected.loss(), within(1e-5));
        assertThat(metrics.get("perplexity")).isCloseTo(expected.perplexity(), within(1e-3));
        assertThat(metrics.get("accuracy")).isCloseTo(expected.accuracy(), within(1e-9));
      }
      Measure failing =
          Measure.of(
              "mine",
              predictions -> {
                throw new IllegalStateException("why");
              });
      Measure.Evaluation evaluation = new Measure.Evaluation(model, data.source(), List.of());
      assertThatThrownBy(() -> failing.of(evaluation))
          .hasMessageContainingAll("measure 'mine' failed", "why");
    }
  }

  @Test
  void theLossDecidesUnlessAccuracyIsChosen() {
    Measures measures = Measures.of(Task.maskedLm());
    assertThat(measures.metric(null)).isEqualTo("loss");
    assertThat(measures.metric("accuracy")).isEqualTo("accuracy");
    assertThat(measures.isLowerBetter("accuracy")).isFalse();
    assertThatThrownBy(() -> measures.and(List.of(Measure.of("accuracy", all -> 0))))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
