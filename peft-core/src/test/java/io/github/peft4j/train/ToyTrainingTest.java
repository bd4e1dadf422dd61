package io.github.peft4j.train;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.AdapterTraining;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.toy.TinyLlama;
import io.github.peft4j.toy.ToyConfig;
import io.github.peft4j.train.report.EvaluationEvent;
import io.github.peft4j.train.report.StepEvent;
import io.github.peft4j.train.report.TrainingListener;
import io.github.peft4j.transformer.pass.ModelInput;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Trainings of the toy method: what the trainer does, whatever it trains. */
class ToyTrainingTest {

  @TempDir Path folder;
  @TempDir Path runs;

  @BeforeEach
  void writeTheModel() throws IOException {
    TinyLlama.write(folder);
  }

  private PeftModel model() {
    return Peft.load(folder.toString()).adapt(ToyConfig.of(1, 0).targetModules("all-linear"));
  }

  private static FineTuner tuner(PeftModel model) {
    return FineTuner.of(model)
        .on(Examples.of(TinyLlama.EXAMPLES))
        .validateOn(Examples.of(TinyLlama.EXAMPLES.subList(0, 2)))
        .batchSize(2)
        .epochs(6)
        .evaluateEvery(5)
        .learningRate(1e-2)
        .quiet();
  }

  private static List<float[]> weights(PeftModel model) {
    return model.base().parameters().map(parameter -> Tensors.floats(parameter.frozen())).toList();
  }

  private static float[] logits(PeftModel model) {
    ModelInput input =
        ModelInput.of(model.base().manager(), new long[][] {{1, 5, 7, 9}, {1, 8, 6, 4}}, null);
    try (NDArray logits = model.logits(input)) {
      return Tensors.floats(logits);
    }
  }

  @Test
  void theLossFallsAndTheFrozenModelStaysAsItWas() {
    try (PeftModel model = model()) {
      List<float[]> before = weights(model);
      TrainingReport report = tuner(model).run();
      assertThat(report.steps()).isEqualTo(12);
      List<Double> losses = report.losses();
      double first = losses.get(0) + losses.get(1);
      assertThat(losses.get(10) + losses.get(11)).isLessThan(0.9 * first);
      assertThat(weights(model)).usingRecursiveComparison().isEqualTo(before);
      assertThat(report.evaluations()).extracting(EvaluationEvent::step).contains(5L, 10L);
    }
  }

  @Test
  void whatIsTrainedIsSavedAndLoaded() {
    float[] trained;
    try (PeftModel model = model()) {
      tuner(model).run();
      trained = logits(model);
      model.save(runs.resolve("toy").toString());
    }
    try (PeftModel model = Peft.load(folder.toString())) {
      assertThat(logits(model)).isNotEqualTo(trained);
      assertThat(logits(model.loadAdapter(runs.resolve("toy").toString()))).isEqualTo(trained);
    }
  }

  @Test
  void aRunThatIsContinuedHasTheLossesOfOneThatWasNot() {
    TrainingReport whole;
    try (PeftModel model = model()) {
      whole = tuner(model).run();
    }
    Path run = runs.resolve("run");
    try (PeftModel model = model()) {
      FineTuner tuner = tuner(model).checkpointTo(run);
      tuner.listener(
          onStep(
              step -> {
                if (step.step() == 7) {
                  tuner.stop();
                }
              }));
      assertThat(tuner.run().steps()).isEqualTo(7);
    }
    try (PeftModel model = model()) {
      TrainingReport report = tuner(model).checkpointTo(run).run();
      assertThat(report.losses()).isEqualTo(whole.losses());
      assertThat(report.evaluations()).isEqualTo(whole.evaluations());
    }
  }

  @Test
  void anEvaluationThatAShutdownCutShortIsMadeWhenTheRunGoesOn() {
    TrainingReport whole;
    try (PeftModel model = model()) {
      whole = tuner(model).run();
    }
    Path run = runs.resolve("run");
    try (PeftModel model = model()) {
      StopSignal signal = new StopSignal();
      FineTuner tuner =
          tuner(model)
              .checkpointTo(run)
              .shutdownWait(Duration.ZERO)
              .listener(
                  onStep(
                      step -> {
                        if (step.step() == 5) {
                          signal.giveByShutdown();
                        }
                      }));
      TrainingReport report = TrainingRun.run(tuner, signal);
      assertThat(report.steps()).isEqualTo(5);
      assertThat(report.evaluations()).isEmpty();
    }
    try (PeftModel model = model()) {
      TrainingReport report = tuner(model).checkpointTo(run).run();
      assertThat(report.losses()).isEqualTo(whole.losses());
      assertThat(report.evaluations()).isEqualTo(whole.evaluations());
    }
  }

  @Test
  void theLargestBatchIsOneOfTheLongestExamples() {
    try (PeftModel model = model();
        AdapterTraining training = model.train(PeftModel.DEFAULT)) {
      FineTuner tuner =
          FineTuner.of(model).on(Examples.of(new PromptExample("a", " b"))).batchSize(6).quiet();
      // One example of a beginning, two words and an end: no batch can be larger.
      assertThat(TrainingSetup.of(tuner, training).plan().largestBatch()).isEqualTo(4);
    }
  }

  @Test
  void theShutdownHookIsRemovedWhenTheRunEnds() throws Exception {
    StopSignal signal = new StopSignal();
    ShutdownGuard guard = new ShutdownGuard(signal, Duration.ofSeconds(20));
    var field = ShutdownGuard.class.getDeclaredField("hook");
    field.setAccessible(true);
    guard.close();
    assertThat(Runtime.getRuntime().removeShutdownHook((Thread) field.get(guard))).isFalse();
    assertThat(signal.isGiven()).isFalse();
  }

  private static TrainingListener onStep(Consumer<StepEvent> code) {
    return new TrainingListener() {
      @Override
      public void onStep(StepEvent event) {
        code.accept(event);
      }
    };
  }
}
