package io.github.peft4j.methods.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.quantization.bitsandbytes.Nf4;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.optimizer.LearningRateSchedule;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Which runs a checkpoint belongs to. */
class ResumeTest {

  private static final Dataset<PromptExample> DATA = Trainings.prompts(16, "w5");

  @TempDir Path folder;
  private Path base;
  private Path run;

  @BeforeEach
  void copyTheModel() {
    base = TinyModels.copy("tiny-llama", folder.resolve("base"));
    run = folder.resolve("run");
  }

  private static PeftModel load(Path from, int rank) {
    return Peft.load(from.toString()).adapt(LoraConfig.ofRank(rank).loraAlpha(8).loraDropout(0.1));
  }

  private FineTuner tuner(PeftModel model) {
    return FineTuner.of(model)
        .on(DATA)
        .batchSize(4)
        .epochs(2)
        .learningRate(1e-2)
        .checkpointTo(run)
        .quiet();
  }

  private List<Double> firstRun() {
    try (PeftModel model = load(base, 4)) {
      return tuner(model).run().losses();
    }
  }

  @Test
  void theBaseModelIsKnownByItsWeightsWhereverItLies() throws IOException {
    List<Double> losses = firstRun();
    Path copy = TinyModels.copy("tiny-llama", folder.resolve("elsewhere/copy"));
    Path relative = Path.of("").toAbsolutePath().relativize(base);
    Path link = Files.createSymbolicLink(folder.resolve("link"), base);
    for (Path other : List.of(copy, relative, link, Path.of(base + "/"))) {
      try (PeftModel model = load(other, 4)) {
        int[] steps = {0};
        TrainingReport report = tuner(model).listener(Trainings.onStep(step -> steps[0]++)).run();
        assertThat(report.losses()).isEqualTo(losses);
        assertThat(steps[0]).as("steps made again").isZero();
      }
    }
  }

  @Test
  void otherWeightsAtTheSamePathAreAnotherRun() throws IOException {
    firstRun();
    Path file = base.resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length - 2] ^= 1;
    Files.write(file, bytes);
    try (PeftModel model = load(base, 4)) {
      assertThatThrownBy(() -> tuner(model).run())
          .hasMessageContaining("another base_sha256: ")
          .hasMessageNotContaining("another adapter");
    }
  }

  @Test
  void weightsInFewerBitsAreAnotherRun() {
    try (PeftModel model = loadIn4Bits()) {
      tuner(model).run();
    }
    try (PeftModel model = load(base, 4)) {
      assertThatThrownBy(() -> tuner(model).run())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(
              "another quantization: 14 weights as NF4, double quantised, now none")
          .hasMessageNotContaining("another base_sha256");
    }
    try (PeftModel model = loadIn4Bits()) {
      int[] steps = {0};
      tuner(model).listener(Trainings.onStep(step -> steps[0]++)).run();
      assertThat(steps[0]).as("steps made again").isZero();
    }
  }

  private PeftModel loadIn4Bits() {
    return Peft.from(base)
        .quantize(Nf4.doubleQuantized())
        .load()
        .adapt(LoraConfig.ofRank(4).loraAlpha(8).loraDropout(0.1));
  }

  @Test
  void anotherTokenizerIsAnotherRun() throws IOException {
    firstRun();
    Path file = base.resolve("tokenizer.json");
    String json = Files.readString(file);
    String turned = json.replace("\"w5\"", "\"w_\"").replace("\"w6\"", "\"w5\"");
    Files.writeString(file, turned.replace("\"w_\"", "\"w6\""));
    assertThat(Files.readString(file)).isNotEqualTo(json);
    try (PeftModel model = load(base, 4)) {
      assertThatThrownBy(() -> tuner(model).run())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("another tokenizer_sha256: ");
    }
  }

  @Test
  void aFolderBelongsToOneRunAtATime() throws IOException {
    Files.createDirectories(run);
    Path link = Files.createSymbolicLink(folder.resolve("same"), run);
    List<Throwable> refused = new ArrayList<>();
    try (PeftModel model = load(base, 4);
        PeftModel other = load(base, 4)) {
      TrainingReport first =
          tuner(model)
              .listener(
                  Trainings.onStep(
                      step ->
                          refused.add(catchThrowable(() -> tuner(other).checkpointTo(link).run()))))
              .run();
      assertThat(refused)
          .hasSize(8)
          .allSatisfy(
              error ->
                  assertThat(error)
                      .isInstanceOf(IllegalStateException.class)
                      .hasMessageContaining("another training of this program")
                      .hasMessageContaining(link.toString()));
      assertThat(tuner(other).checkpointTo(link).run().losses())
          .as("when it has ended")
          .isEqualTo(first.losses());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 5})
  void aRunMayHaveOtherEpochs(int epochs) {
    List<Double> losses = firstRun();
    try (PeftModel model = load(base, 4)) {
      FineTuner tuner = tuner(model).epochs(epochs);
      if (epochs < 2) {
        assertThatThrownBy(tuner::run)
            .hasMessageContainingAll("checkpoint-8 has 8 steps already", "is to have 4");
        return;
      }
      double[] rate = {0};
      TrainingReport report =
          tuner
              .listener(
                  Trainings.onStep(
                      step -> {
                        if (step.step() == 9) {
                          rate[0] = step.learningRate();
                        }
                      }))
              .run();
      assertThat(report.losses()).hasSize(4 * epochs);
      assertThat(report.losses().subList(0, 8)).isEqualTo(losses);
      // The linear schedule of the longer run: (T - t) / T.
      assertThat(rate[0])
          .isEqualTo(LearningRateSchedule.linear(1e-2, 0, 4L * epochs).rate(8))
          .isPositive();
    }
  }

  @Test
  void onlyTheFieldsThatDifferAreShown() {
    firstRun();
    try (PeftModel model = load(base, 2)) {
      assertThatThrownBy(() -> tuner(model).batchSize(2).clip(0.5).run())
          .hasMessageContainingAll(
              "checkpoint-8 belongs to a run with another adapter.r: 4, now 2;",
              "another batch_size: 4, now 2",
              "another clip_norm: 1.0, now 0.5",
              "take another folder")
          .satisfies(
              e ->
                  assertThat(e.getMessage())
                      .doesNotContain("target_modules", "lora_dropout", "base_model", "{")
                      .hasSizeLessThan(700));
    }
  }

  @Test
  void dataThatLacksARowIsAnotherRunAndTheMessageTellsTheWay() {
    firstRun();
    try (PeftModel model = load(base, 4)) {
      Path checkpoint = run.resolve("checkpoint-8");
      assertThatThrownBy(() -> tuner(model).on(DATA.take(15)).run())
          .hasMessageContainingAll(
              "another data_sha256: ",
              "the very same examples",
              "loadAdapter(\"" + checkpoint + "\") and take another folder");
      model.remove("default").loadAdapter(checkpoint.toString());
      Path next = folder.resolve("next");
      assertThat(tuner(model).on(DATA.take(15)).checkpointTo(next).run().steps()).isEqualTo(8);
    }
  }
}
