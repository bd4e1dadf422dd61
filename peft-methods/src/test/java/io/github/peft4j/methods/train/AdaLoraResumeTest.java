package io.github.peft4j.methods.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adalora.AdaLoraConfig;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.report.StepEvent;
import io.github.peft4j.train.report.TrainingListener;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Ranks depend on what all steps before have shown: a checkpoint has to hold it. */
class AdaLoraResumeTest {

  @TempDir Path folder;

  private PeftModel model() {
    Path base = folder.resolve("llama");
    if (!Files.exists(base)) {
      TinyModels.copy("tiny-llama", base);
    }
    return Peft.load(base.toString())
        .adapt(
            AdaLoraConfig.ofRanks(6, 2)
                .tinit(2)
                .tfinal(3)
                .targetModules("q_proj", "v_proj", "up_proj"));
  }

  private static FineTuner tuner(PeftModel model) {
    return FineTuner.of(model)
        .on(Trainings.echoes(5))
        .steps(14)
        .batchSize(4)
        .learningRate(2e-2)
        .quiet();
  }

  private static void runAndDie(FineTuner tuner, int after) {
    TrainingListener killer =
        new TrainingListener() {
          @Override
          public void onStep(StepEvent event) {
            if (event.step() == after) {
              throw new Killed();
            }
          }
        };
    assertThatThrownBy(() -> tuner.listener(killer).run()).isInstanceOf(Killed.class);
  }

  private static final class Killed extends Error {
    private static final long serialVersionUID = 1L;
  }

  /** Before the first reduction, in the middle of pruning, and when all is decided. */
  @ParameterizedTest
  @ValueSource(ints = {2, 7, 12})
  void aResumedRunPrunesAsOneThatNeverStopped(int killedAfter) throws Exception {
    List<Double> losses;
    Path whole = folder.resolve("whole");
    try (PeftModel model = model()) {
      losses = tuner(model).run().losses();
      model.save(whole.toString());
    }
    Path run = folder.resolve("run");
    try (PeftModel model = model()) {
      runAndDie(tuner(model).checkpointTo(run).checkpointEvery(killedAfter - 1), killedAfter);
    }
    assertThat(run.resolve("checkpoint-" + (killedAfter - 1))).isDirectory();
    Path resumed = folder.resolve("resumed");
    try (PeftModel model = model()) {
      TrainingReport report = tuner(model).checkpointTo(run).run();
      assertThat(report.losses()).isEqualTo(losses);
      model.save(resumed.toString());
    }
    assertThat(resumed.resolve("adapter_config.json"))
        .hasSameTextualContentAs(whole.resolve("adapter_config.json"));
    assertThat(Files.readString(whole.resolve("adapter_config.json"))).contains("false");
    assertThat(resumed.resolve("adapter_model.safetensors"))
        .hasSameBinaryContentAs(whole.resolve("adapter_model.safetensors"));
  }

  @Test
  void aRunThatWasOverIsSavedAsBefore() {
    Path run = folder.resolve("run");
    try (PeftModel first = model();
        PeftModel second = model()) {
      tuner(first).checkpointTo(run).run();
      tuner(second).checkpointTo(run).run();
      assertThat(second.adapter("default").parts().get(0).configText())
          .isEqualTo(first.adapter("default").parts().get(0).configText())
          .contains("\"total_step\": 14");
    }
  }

  /** Without a step that measures importance all ranks would be pruned. */
  @ParameterizedTest
  @ValueSource(ints = {4, 5})
  void aTrainingTooShortToMeasureImportanceIsRefused(int steps) {
    try (PeftModel model = model()) {
      assertThatThrownBy(() -> tuner(model).steps(steps).run())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("tinit 2")
          .hasMessageContaining("tfinal 3");
    }
  }

  @Test
  void nothingIsLeftInMemoryAfterATraining() {
    try (PeftModel model = model()) {
      tuner(model).run();
      long after = Tensors.live();
      tuner(model).run();
      assertThat(Tensors.live()).isEqualTo(after);
    }
  }
}
