package io.github.peft4j.methods.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.adapter.Provenance;
import io.github.peft4j.methods.adalora.AdaLoraConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.TrainingReport.Ending;
import io.github.peft4j.train.evaluation.Evaluator;
import io.github.peft4j.train.evaluation.Metrics;
import io.github.peft4j.train.report.EndEvent;
import io.github.peft4j.train.report.StepEvent;
import io.github.peft4j.train.report.TrainingListener;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Which adapter a training gives back: the report, the model and the checkpoint agree. */
class BestAdapterTest {

  @TempDir Path folder;

  private PeftModel llama() {
    return Trainings.llama(folder.resolve("llama"));
  }

  /** Learns an answer that validation does not want: evaluations get worse. */
  private static FineTuner tuner(PeftModel model) {
    return FineTuner.of(model)
        .on(Trainings.prompts(16, "w5"))
        .validateOn(Trainings.prompts(8, "w30"))
        .steps(40)
        .evaluateEvery(5)
        .learningRate(0.05)
        .constant()
        .quiet();
  }

  private static double loss(PeftModel model) {
    return new Evaluator(model, 8, 20).evaluate(Trainings.prompts(8, "w30")).get(Metrics.LOSS);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void earlyStoppingGivesTheBestBack(boolean saved) {
    try (PeftModel model = llama()) {
      FineTuner tuner = tuner(model).stopEarly(3);
      TrainingReport report = (saved ? tuner.checkpointTo(folder.resolve("run")) : tuner).run();
      List<Double> losses =
          report.evaluations().stream().map(e -> e.metrics().get(Metrics.LOSS)).toList();
      double best = losses.stream().mapToDouble(x -> x).min().orElseThrow();
      assertThat(losses.get(losses.size() - 1)).isGreaterThan(best + 0.1);
      assertThat(report.ending()).isEqualTo(Ending.EARLY);
      assertThat(report.steps()).isEqualTo(report.bestStep() + 15).isLessThan(40);
      assertThat(report.keptStep()).isEqualTo(report.bestStep());
      assertThat(report.keptMetrics().orElseThrow().get(Metrics.LOSS)).isEqualTo(best);
      assertThat(loss(model)).isCloseTo(best, within(1e-5));
      assertThat(report).asString().contains("kept step " + report.bestStep());
      Provenance.Training training = model.provenance("default").trainings().get(0);
      assertThat(training.steps()).isEqualTo(report.bestStep());
      assertThat(training.metrics()).containsEntry(Metrics.LOSS, best);
      if (saved) {
        Path checkpoint = folder.resolve("run/checkpoint-" + report.bestStep());
        List<float[]> kept = Trainings.values(model);
        model.remove("default").loadAdapter(checkpoint.toString());
        assertThat(Trainings.values(model))
            .usingElementComparator(java.util.Arrays::compare)
            .isEqualTo(kept);
      }
    }
  }

  @Test
  void theBestIsKeptWhenAllStepsAreMadeOrTheRunIsStopped() {
    try (PeftModel model = llama()) {
      TrainingReport report = tuner(model).keepBest().run();
      assertThat(report.ending()).isEqualTo(Ending.COMPLETED);
      assertThat(report.steps()).isEqualTo(40);
      assertThat(report.keptStep()).isEqualTo(report.bestStep()).isLessThan(40);
      assertThat(loss(model))
          .isCloseTo(report.bestMetrics().orElseThrow().get(Metrics.LOSS), within(1e-5));
    }
    try (PeftModel model = llama()) {
      FineTuner tuner = tuner(model).keepBest();
      tuner.listener(Trainings.onStep(step -> stopAt(tuner, step, 23)));
      TrainingReport report = tuner.run();
      assertThat(report.ending()).isEqualTo(Ending.STOPPED);
      assertThat(report.steps()).isEqualTo(23);
      assertThat(report.keptStep()).isEqualTo(report.bestStep());
      assertThat(loss(model))
          .isCloseTo(report.bestMetrics().orElseThrow().get(Metrics.LOSS), within(1e-5));
    }
  }

  private static void stopAt(FineTuner tuner, StepEvent event, long step) {
    if (event.step() == step) {
      tuner.stop();
    }
  }

  @Test
  void withoutKeepBestTheLastStepIsGivenBack() {
    try (PeftModel model = llama()) {
      TrainingReport report = tuner(model).run();
      assertThat(report.keptStep()).isEqualTo(40).isNotEqualTo(report.bestStep());
      assertThat(loss(model))
          .isCloseTo(report.finalMetrics().orElseThrow().get(Metrics.LOSS), within(1e-5));
    }
  }

  @Test
  void aMethodThatRemembersIsGivenBackAsItWasAtTheBest() {
    try (PeftModel model = llama();
        PeftModel other = Peft.load(folder.resolve("llama").toString())) {
      model.remove("default").adapt(AdaLoraConfig.ofRanks(6, 2).tinit(2).tfinal(3));
      other.adapt(AdaLoraConfig.ofRanks(6, 2).tinit(2).tfinal(3));
      TrainingReport memory = tuner(model).keepBest().run();
      tuner(other).keepBest().checkpointTo(folder.resolve("run")).run();
      assertThat(memory.keptStep()).isLessThan(40);
      assertThat(loss(model))
          .isCloseTo(memory.bestMetrics().orElseThrow().get(Metrics.LOSS), within(1e-5));
      assertThat(model.adapter("default").parts().get(0).configText())
          .isEqualTo(other.adapter("default").parts().get(0).configText());
    }
  }

  @Test
  void eventsAndReportCountTheSameTokens() {
    try (PeftModel model = llama()) {
      long[] told = {0, 0};
      TrainingReport report =
          tuner(model)
              .listener(
                  new TrainingListener() {
                    @Override
                    public void onStep(StepEvent event) {
                      told[0] = event.tokens();
                    }

                    @Override
                    public void onEnd(EndEvent event) {
                      told[1] = event.tokens();
                    }
                  })
              .run();
      // 16 prompts of two words, an answer and an end of text; 40 steps are 20 epochs.
      assertThat(report.tokens()).isEqualTo(20 * 16 * 4);
      assertThat(told).containsExactly(report.tokens(), report.tokens());
    }
  }

  @Test
  void aFinishedRunThatRunsAgainHasOneHistoryEntry() {
    try (PeftModel model = llama()) {
      FineTuner tuner = tuner(model).checkpointTo(folder.resolve("run"));
      tuner.run();
      tuner.run();
      assertThat(model.provenance("default").trainings()).hasSize(1);
    }
  }
}
