package io.github.peft4j.methods.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.PeftModel;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.Logged;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.TrainingReport.Ending;
import io.github.peft4j.train.report.EndEvent;
import io.github.peft4j.train.report.EvaluationEvent;
import io.github.peft4j.train.report.StartEvent;
import io.github.peft4j.train.report.TrainingListener;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Trainings that end before their last step, asked to or by a failure. */
class StopTest {

  @TempDir Path folder;

  private PeftModel llama() {
    return Trainings.llama(folder.resolve("llama"));
  }

  private static FineTuner tuner(PeftModel model) {
    return FineTuner.of(model)
        .on(Trainings.prompts(16, "w5"))
        .validateOn(Trainings.prompts(4, "w5"))
        .batchSize(4)
        .epochs(3)
        .evaluateEvery(5)
        .learningRate(1e-2)
        .quiet();
  }

  @Test
  void aListenerStopsARunWhichGoesOnWithTheSameLosses() {
    TrainingReport whole;
    try (PeftModel model = llama()) {
      whole = tuner(model).run();
    }
    Path run = folder.resolve("run");
    try (PeftModel model = llama()) {
      FineTuner tuner = tuner(model).checkpointTo(run);
      tuner.stop(); // without a run, nothing
      tuner.listener(
          Trainings.onStep(
              step -> {
                if (step.step() == 5) {
                  tuner.stop();
                }
              }));
      TrainingReport report = tuner.run();
      assertThat(report.ending()).isEqualTo(Ending.STOPPED);
      assertThat(report.steps()).isEqualTo(5);
      assertThat(report.evaluations()).extracting(EvaluationEvent::step).containsExactly(5L);
      assertThat(report).asString().startsWith("5 steps and stopped, ");
      assertThat(run.resolve("checkpoint-5")).isDirectory();
    }
    try (PeftModel model = llama()) {
      TrainingReport report = tuner(model).checkpointTo(run).run();
      assertThat(report.ending()).isEqualTo(Ending.COMPLETED);
      assertThat(report.losses()).isEqualTo(whole.losses());
      assertThat(report.evaluations()).isEqualTo(whole.evaluations());
    }
  }

  @Test
  void anInterruptStopsARunWithACheckpointAndIsKept() throws Exception {
    Path run = folder.resolve("run");
    try (PeftModel model = llama()) {
      CountDownLatch reached = new CountDownLatch(1);
      TrainingReport[] report = new TrainingReport[1];
      boolean[] interrupted = new boolean[1];
      Thread thread =
          new Thread(
              () -> {
                report[0] =
                    tuner(model)
                        .checkpointTo(run)
                        .listener(
                            Trainings.onStep(
                                step -> {
                                  if (step.step() == 3) {
                                    reached.countDown();
                                    Thread.currentThread().interrupt();
                                  }
                                }))
                        .run();
                interrupted[0] = Thread.currentThread().isInterrupted();
              });
      thread.start();
      thread.join();
      assertThat(reached.getCount()).isZero();
      assertThat(report[0].ending()).isEqualTo(Ending.STOPPED);
      assertThat(report[0].steps()).isEqualTo(3);
      assertThat(run.resolve("checkpoint-3")).isDirectory();
      assertThat(interrupted[0]).isTrue();
    }
  }

  /** Whatever fails, the model computes as at the last step, and can be trained again. */
  @Test
  void aListenerThatFailsHardLeavesTheModelUsable() {
    List<TrainingListener> failing =
        List.of(
            new TrainingListener() {
              @Override
              public void onStart(StartEvent event) {
                throw new Error("start");
              }
            },
            Trainings.onStep(
                step -> {
                  throw new Error("step");
                }),
            new TrainingListener() {
              @Override
              public void onEvaluation(EvaluationEvent event) {
                throw new Error("evaluation");
              }
            },
            new TrainingListener() {
              @Override
              public void onEnd(EndEvent event) {
                throw new Error("end");
              }
            });
    try (PeftModel model = llama()) {
      tuner(model).run();
      long live = Tensors.live();
      for (TrainingListener listener : failing) {
        assertThatThrownBy(() -> tuner(model).listener(listener).run()).isInstanceOf(Error.class);
        assertThat(Autograd.isRecording()).isFalse();
        assertThat(Tensors.live()).isEqualTo(live);
        assertThat(model.generate("w3 w4")).isEqualTo(model.generate("w3 w4")); // no dropout
        assertThat(tuner(model).run().steps()).isEqualTo(12);
      }
    }
  }

  @Test
  void whatIsSaidOfAFailedTrainingIsTheStepThatTheTensorsAreOf() {
    try (PeftModel model = llama()) {
      assertThatThrownBy(
              () ->
                  tuner(model)
                      .checkpointTo(folder.resolve("run"))
                      .listener(
                          Trainings.onStep(
                              step -> {
                                if (step.step() == 7) {
                                  throw new Error("killed");
                                }
                              }))
                      .run())
          .hasMessage("killed");
      assertThat(model.provenance("default").trainings())
          .extracting(training -> training.steps())
          .containsExactly(7L);
    }
  }

  @Test
  void anAdapterInTrainingIsNotRemoved() {
    try (PeftModel model = llama()) {
      tuner(model).steps(1).run();
      long live = Tensors.live();
      List<String> refused = new ArrayList<>();
      TrainingReport report =
          tuner(model)
              .steps(2)
              .listener(
                  Trainings.onStep(
                      step -> {
                        try {
                          model.remove("default");
                        } catch (IllegalStateException e) {
                          refused.add(String.valueOf(e.getMessage()));
                        }
                      }))
              .run();
      assertThat(report.steps()).isEqualTo(2);
      assertThat(refused).hasSize(2);
      assertThat(refused.get(0))
          .contains("adapter 'default' is being trained and cannot be removed");
      assertThat(Tensors.live()).isEqualTo(live);
      model.remove("default");
      model.adapt(io.github.peft4j.methods.lora.LoraConfig.ofRank(4).targetModules("all-linear"));
      assertThat(tuner(model).steps(1).run().steps()).isEqualTo(1);
    }
  }

  @Test
  void aRunThatNeverBeganTellsNoListener() {
    List<String> told = new ArrayList<>();
    TrainingListener listener =
        new TrainingListener() {
          @Override
          public void onEnd(EndEvent event) {
            told.add("end");
          }
        };
    Path run = folder.resolve("run");
    try (PeftModel model = llama()) {
      tuner(model).checkpointTo(run).run();
      String printed =
          Logged.by(
              () ->
                  assertThatThrownBy(
                          () ->
                              FineTuner.of(model)
                                  .on(Trainings.prompts(3, "w5"))
                                  .checkpointTo(run)
                                  .listener(listener)
                                  .run())
                      .hasMessageContaining("belongs to a run with"));
      assertThat(told).isEmpty();
      assertThat(printed).doesNotContain("0 steps");
    }
  }
}
