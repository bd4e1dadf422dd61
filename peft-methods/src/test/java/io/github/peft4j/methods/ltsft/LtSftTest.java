package io.github.peft4j.methods.ltsft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.common.sparse.SparseGolden;
import io.github.peft4j.methods.train.Resuming;
import io.github.peft4j.methods.train.Trainings;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.optimizer.LearningRateSchedule;
import io.github.peft4j.train.report.StepEvent;
import io.github.peft4j.train.report.TrainingListener;
import io.github.peft4j.transformer.pass.ModelInput;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LtSftTest {

  @TempDir Path folder;

  /** Two iterations on the same batches end as those of a plain loop in PyTorch. */
  @Test
  void masksValuesAndLossesAreThoseOfPyTorch() {
    LtSftConfig config =
        LtSftConfig.defaults()
            .ftParamsProportion(0.05)
            .nFtIterations(2)
            .fullFtMaxStepsPerIteration(3)
            .sparseFtMaxStepsPerIteration(4);
    SparseGolden.assertTrainsAs("lt-sft-tiny-bert.safetensors", config, 14, folder);
  }

  private PeftModel llama() {
    Path base = folder.resolve("llama");
    if (!Files.exists(base)) {
      TinyModels.copy("tiny-llama", base);
    }
    return Peft.load(base.toString());
  }

  private static LtSftConfig small() {
    return LtSftConfig.defaults().ftParamsProportion(0.1).nFtIterations(2);
  }

  private static FineTuner tuner(PeftModel model, int seed) {
    return FineTuner.of(model)
        .on(Trainings.echoes(seed))
        .steps(14)
        .batchSize(4)
        .schedule(small().linear(1e-2))
        .quiet();
  }

  /** In the first full phase, in a masked phase, and in the second iteration. */
  @ParameterizedTest
  @ValueSource(ints = {2, 6, 12})
  void aResumedTrainingEndsAsOneThatNeverStopped(int after) {
    Resuming.assertGoesOn(() -> llama().adapt(small()), model -> tuner(model, 5), after, folder);
  }

  /** The saved adapter has a tenth of the parameters; a task's is added to a language's. */
  @Test
  void masksOfALanguageAndATaskAreAdded() {
    Path language = folder.resolve("language");
    Path task = folder.resolve("task");
    try (PeftModel model = llama().adapt("language", small())) {
      tuner(model, 5).run();
      model.save("language", language);
      model.remove("language").adapt("task", small());
      tuner(model, 6).run();
      model.save("task", task);
    }
    try (PeftModel model = llama()) {
      model.loadAdapter("language", language).loadAdapter("task", task);
      long parameters = model.base().parameters().mapToLong(p -> p.shape().size()).sum();
      assertThat(model.adapter("task").size()).isBetween(parameters / 20, parameters / 10 + 20);
      float[] both = logits(model.activate("language", "task"));
      assertThat(logits(model.activate("task", "language"))).containsExactly(both, close());
      assertThat(logits(model.activate("task"))).isNotEqualTo(both);
      assertThat(logits(model.activate("language", "task").merge())).containsExactly(both, close());
    }
  }

  private static Offset<Float> close() {
    return Offset.offset(1e-5f);
  }

  private static float[] logits(PeftModel model) {
    try (NDArray logits =
        model.logits(
            ModelInput.of(
                model.base().manager(), new long[][] {{5, 6, 7}}, new long[][] {{1, 1, 1}}))) {
      return Tensors.floats(logits);
    }
  }

  /** A file of the authors' library gives the logits of the model that it was saved of. */
  @Test
  void filesOfComposableSftAreRead() throws Exception {
    Path folder =
        Path.of(
            Objects.requireNonNull(
                    LtSftTest.class.getResource("/golden-sparse/composable-sft-tiny-bert"))
                .toURI());
    Path saved = this.folder.resolve("saved");
    try (TensorSource source = SparseGolden.open("lt-sft-tiny-bert.safetensors");
        PeftModel model = Peft.load(TinyModels.golden("tiny-bert").toString())) {
      ComposableSft.load(model, "default", folder);
      long[][] ones = new long[6][6];
      for (long[] row : ones) {
        Arrays.fill(row, 1);
      }
      float[] expected = source.floats("logits");
      ModelInput input =
          ModelInput.of(model.base().manager(), SparseGolden.rows(source, "input_ids", 0, 6), ones);
      assertThat(floats(model.logits(input))).containsExactly(expected, close());
      model.save(saved.toString());
      model.remove("default").loadAdapter(saved.toString());
      assertThat(floats(model.logits(input))).containsExactly(expected, close());
    }
    try (PeftModel other = llama()) {
      assertThatThrownBy(() -> other.loadAdapter("default", folder))
          .hasMessageContaining("ComposableSft.load(model, name, folder)");
      assertThatThrownBy(() -> ComposableSft.load(other, "default", folder))
          .hasMessageContaining("pytorch_diff.bin")
          .hasMessageContaining("but the model has no such tensor");
      assertThat(other.adapters()).isEmpty();
    }
  }

  private static float[] floats(NDArray array) {
    try (array) {
      return Tensors.floats(array);
    }
  }

  @Test
  void theRateFallsInEachPhase() {
    LearningRateSchedule rate = LtSftConfig.defaults().nFtIterations(2).linear(1).apply(13);
    double[] rates = new double[13];
    Arrays.setAll(rates, rate::rate);
    assertThat(rates)
        .containsExactly(
            new double[] {
              1, 2 / 3., 1 / 3., 1, 2 / 3., 1 / 3., 1, 2 / 3., 1 / 3., 1, 3 / 4., 1 / 2., 1 / 4.
            },
            Offset.offset(1e-12));
  }

  @Test
  void stepsAndNumbersThatDoNotFitAreRefused() {
    try (PeftModel model = llama()) {
      model.adapt("a", small().fullFtMaxStepsPerIteration(3).sparseFtMaxStepsPerIteration(3));
      assertThatThrownBy(() -> tuner(model, 5).constant().run())
          .hasMessageContaining("14 steps")
          .hasMessageContaining("12 steps in all");
      model.remove("a").adapt("b", small().ftParamsNum(1));
      assertThatThrownBy(() -> tuner(model, 5).run()).hasMessageContaining("ft_params_num");
    }
  }

  @Test
  void keepingTheBestEvaluationIsRefusedBeforeTheFirstStep() {
    try (PeftModel model = llama().adapt(small())) {
      FineTuner measured = tuner(model, 5).validateOn(Trainings.echoes(6)).listener(noStep());
      assertThatThrownBy(() -> measured.keepBest().run()).hasMessageContaining("full phases");
      assertThatThrownBy(() -> tuner(model, 5).validateOn(Trainings.echoes(6)).stopEarly(1).run())
          .hasMessageContaining("the adapter of the last step is kept");
      assertThat(tuner(model, 5).validateOn(Trainings.echoes(6)).run().evaluations()).isNotEmpty();
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
    try (PeftModel model = llama().adapt(small())) {
      tuner(model, 5).run();
      long after = Tensors.live();
      tuner(model, 5).run();
      assertThat(Tensors.live()).isEqualTo(after);
    }
  }
}
