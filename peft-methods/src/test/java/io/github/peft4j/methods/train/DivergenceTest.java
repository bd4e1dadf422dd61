package io.github.peft4j.methods.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.Logged;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.TrainingException;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.evaluation.Evaluator;
import io.github.peft4j.train.evaluation.Metrics;
import io.github.peft4j.train.report.TrainingListener;
import io.github.peft4j.tuner.Trainable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Numbers that are not finite: what is saved stays good, and errors name the step that did it. */
class DivergenceTest {

  @TempDir Path folder;

  private PeftModel llama() {
    return Trainings.llama(folder.resolve("llama"));
  }

  private static FineTuner tuner(PeftModel model) {
    return FineTuner.of(model)
        .on(Trainings.prompts(16, "w5"))
        .batchSize(4)
        .epochs(2)
        .learningRate(1e-3)
        .quiet();
  }

  private static double loss(PeftModel model) {
    return new Evaluator(model, 8, 20).evaluate(Trainings.prompts(16, "w5")).get(Metrics.LOSS);
  }

  private List<String> checkpoints(Path run) throws Exception {
    try (var names = Files.list(run)) {
      return names.map(path -> path.getFileName().toString()).sorted().toList();
    }
  }

  /** 1e36 leaves finite tensors whose loss is not; the largest rate leaves infinite tensors. */
  @ParameterizedTest
  @ValueSource(doubles = {1e36, Double.MAX_VALUE})
  void aStepThatDivergesIsNotSaved(double rate) throws Exception {
    Path run = folder.resolve("run");
    try (PeftModel model = llama()) {
      FineTuner tuner =
          tuner(model)
              .checkpointTo(run)
              .checkpointEvery(1)
              .schedule(n -> step -> step == 3 ? rate : 1e-3);
      for (int i = 0; i < 2; i++) { // the same lines meet the same step
        assertThatThrownBy(tuner::run)
            .isInstanceOf(TrainingException.class)
            .hasMessageContainingAll(
                "the update of step 4, at learning rate " + rate,
                "examples [[",
                "The adapter is back at " + run.resolve("checkpoint-3"),
                "Lower the learning rate",
                "loadAdapter(\"" + run.resolve("checkpoint-3"));
        assertThat(checkpoints(run)).containsExactly("checkpoint-2", "checkpoint-3");
        assertThat(loss(model)).isFinite();
      }
      // The way on that the message tells.
      double good = loss(model);
      model.remove("default").loadAdapter(run.resolve("checkpoint-3").toString());
      assertThat(loss(model)).isEqualTo(good);
      TrainingReport report =
          tuner(model).learningRate(1e-4).checkpointTo(folder.resolve("on")).run();
      assertThat(report.losses()).hasSize(8).allMatch(Double::isFinite);
      assertThat(model.provenance("default").trainings()).hasSize(2);
    }
  }

  @Test
  void theLastStepOfARunIsCheckedToo() {
    try (PeftModel model = llama()) {
      assertThatThrownBy(
              () -> tuner(model).steps(3).schedule(n -> step -> step == 2 ? 1e38 : 1e-3).run())
          .isInstanceOf(TrainingException.class)
          .hasMessageContainingAll(
              "the update of step 3",
              "The adapter holds these tensors",
              "the run has no folder for checkpoints");
    }
  }

  @Test
  void theStepBeforeIsBlamedWhereNothingWasCheckedBetween() {
    try (PeftModel model = llama()) {
      assertThatThrownBy(
              () -> tuner(model).steps(8).schedule(n -> step -> step == 1 ? 1e36 : 1e-3).run())
          .isInstanceOf(TrainingException.class)
          .hasMessageContainingAll("step 3: the loss is", "the update of step 2");
    }
  }

  /** What a batch does whose gradient alone is not finite. */
  private static TrainingListener poisonGradient(PeftModel model, Long... before) {
    return Trainings.onStep(
        event -> {
          if (!Arrays.asList(before).contains(event.step() + 1)) {
            return;
          }
          Trainable tensor = model.trainables().get(0);
          try (NDArray gradient =
                  java.util.Objects.requireNonNull(Autograd.gradient(tensor.value()));
              NDArray nan = gradient.getManager().create(Float.NaN);
              NDArray all = nan.broadcast(gradient.getShape())) {
            Tensors.copy(gradient, all);
          }
        });
  }

  @Test
  void aGradientThatIsNotFiniteEndsTheRunWithTheTensorsBeforeTheStep() {
    try (PeftModel model = llama();
        PeftModel three = llama()) {
      assertThatThrownBy(() -> tuner(model).listener(poisonGradient(model, 4L)).run())
          .isInstanceOf(TrainingException.class)
          .hasMessageContainingAll(
              "step 4: the loss is ", "gradient NaN", "those before the step", "skipNonFinite");
      tuner(three).schedule(n -> step -> 1e-3 * (8 - step) / 8).steps(3).run();
      assertThat(loss(model)).isFinite().isEqualTo(loss(three));
      // Nothing of it is left behind in the gradients.
      assertThat(tuner(model).run().losses()).hasSize(8).allMatch(Double::isFinite);
    }
  }

  @Test
  void stepsWhoseGradientIsNotFiniteAreSkippedAndCounted() {
    Path run = folder.resolve("run");
    try (PeftModel model = llama()) {
      TrainingReport[] report = new TrainingReport[1];
      String log =
          Logged.by(
              () ->
                  report[0] =
                      tuner(model)
                          .skipNonFinite(2)
                          .checkpointTo(run)
                          .listener(poisonGradient(model, 3L, 5L))
                          .run());
      assertThat(report[0].skippedSteps()).containsExactly(3L, 5L);
      assertThat(report[0].steps()).isEqualTo(8);
      assertThat(report[0].finalLoss()).isFinite();
      assertThat(report[0]).asString().contains("2 steps skipped");
      assertThat(log).contains("step 3: the loss is", "step 5: the loss is", "The step is skipped");
      assertThat(loss(model)).isFinite();
      // What was skipped is in the checkpoint.
      assertThat(tuner(model).skipNonFinite(2).checkpointTo(run).run().skippedSteps())
          .containsExactly(3L, 5L);
    }
    try (PeftModel model = llama()) {
      assertThatThrownBy(
              () -> tuner(model).skipNonFinite(1).listener(poisonGradient(model, 3L, 5L)).run())
          .isInstanceOf(TrainingException.class)
          .hasMessageContainingAll("step 5", "1 may be skipped, and as many were", "[3]");
    }
  }

  @Test
  void aStepThatRuinsTheTensorsIsNeverSkipped() {
    try (PeftModel model = llama()) {
      assertThatThrownBy(
              () ->
                  tuner(model)
                      .skipNonFinite(5)
                      .schedule(n -> step -> step == 1 ? 1e38 : 1e-3)
                      .run())
          .hasMessageContaining("the update of step 2");
    }
  }

  @Test
  void tensorsThatWereNotFiniteBeforeTheFirstStepAreNoStepsFault() {
    try (PeftModel model = llama()) {
      NDArray tensor = model.trainables().get(0).value();
      try (NDArray nan = tensor.getManager().create(Float.NaN);
          NDArray all = nan.broadcast(tensor.getShape())) {
        Tensors.copy(tensor, all);
      }
      assertThatThrownBy(() -> tuner(model).run())
          .isInstanceOf(TrainingException.class)
          .hasMessageContaining("step 1: the loss is NaN")
          .hasMessageNotContaining("diverged");
    }
  }

  @Test
  void theBaseStaysAsItWas() {
    try (PeftModel model = llama();
        PeftModel plain = Peft.load(folder.resolve("llama").toString())) {
      assertThatThrownBy(() -> tuner(model).schedule(n -> step -> 1e38).run())
          .isInstanceOf(TrainingException.class);
      assertThat(model.disable().generate("w3 w4")).isEqualTo(plain.generate("w3 w4"));
    }
  }
}
