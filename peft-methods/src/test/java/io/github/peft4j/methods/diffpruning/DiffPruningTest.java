package io.github.peft4j.methods.diffpruning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.common.sparse.SparseGolden;
import io.github.peft4j.methods.train.Resuming;
import io.github.peft4j.methods.train.Trainings;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.report.StepEvent;
import io.github.peft4j.train.report.TrainingListener;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DiffPruningTest {

  @TempDir Path folder;

  /** Gates drawn alike, penalty, cut and masked phase end as a plain loop in PyTorch. */
  @Test
  void masksValuesAndLossesAreThoseOfPyTorch() {
    DiffPruningConfig config =
        DiffPruningConfig.defaults()
            .sparsityPen(1e-4)
            .alphaInit(1.5)
            .targetSparsity(0.06)
            .pruningSteps(4);
    SparseGolden.assertTrainsAs("diff-pruning-tiny-bert.safetensors", config, 7, folder);
  }

  private PeftModel llama(DiffPruningConfig config) {
    Path base = folder.resolve("llama");
    if (!Files.exists(base)) {
      TinyModels.copy("tiny-llama", base);
    }
    return Peft.load(base.toString()).adapt(config);
  }

  private static DiffPruningConfig small() {
    return DiffPruningConfig.defaults().targetSparsity(0.1).alphaInit(1);
  }

  private static FineTuner tuner(PeftModel model) {
    return FineTuner.of(model)
        .on(Trainings.echoes(5))
        .steps(12)
        .batchSize(4)
        .learningRate(1e-2)
        .quiet();
  }

  /** While gates are trained, and after the cut; with a gate for each tensor and without. */
  @ParameterizedTest
  @ValueSource(ints = {2, 5, 9})
  void aResumedTrainingEndsAsOneThatNeverStopped(int after) {
    DiffPruningConfig config = small().perParamsAlpha(after != 5);
    Path whole = Resuming.assertGoesOn(() -> llama(config), DiffPruningTest::tuner, after, folder);
    try (PeftModel model = llama(config).remove("default")) {
      model.loadAdapter(whole.toString());
      long parameters = model.base().parameters().mapToLong(p -> p.shape().size()).sum();
      assertThat(model.adapter("default").size()).isBetween(parameters / 20, parameters / 10 + 20);
    }
  }

  @Test
  void aTrainingTooShortForBothPhasesIsRefused() {
    try (PeftModel model = llama(small().pruningSteps(12))) {
      assertThatThrownBy(() -> tuner(model).run())
          .hasMessageContaining("pruning_steps")
          .hasMessageContaining("12 steps");
    }
  }

  @Test
  void keepingTheBestEvaluationIsRefusedBeforeTheFirstStep() {
    try (PeftModel model = llama(small())) {
      FineTuner measured = tuner(model).validateOn(Trainings.echoes(6)).listener(noStep());
      assertThatThrownBy(() -> measured.keepBest().run()).hasMessageContaining("until its cut");
      assertThatThrownBy(() -> tuner(model).validateOn(Trainings.echoes(6)).stopEarly(1).run())
          .hasMessageContaining("the adapter of the last step is kept");
      assertThat(tuner(model).validateOn(Trainings.echoes(6)).run().evaluations()).isNotEmpty();
    }
  }

  private static TrainingListener noStep() {
    return new TrainingListener() {
      @Override
      public void onStep(StepEvent step) {
        throw new AssertionError("step " + step.step());
      }
    };
  }

  @Test
  void nothingIsLeftInMemoryAfterATraining() {
    try (PeftModel model = llama(small())) {
      tuner(model).run();
      long after = Tensors.live();
      tuner(model).run();
      assertThat(Tensors.live()).isEqualTo(after);
    }
  }
}
