package io.github.peft4j.methods.train;

import static io.github.peft4j.methods.adapter.Closeness.assertClose;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.data.TextExample;
import io.github.peft4j.methods.Logged;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.prefixtuning.PrefixTuningConfig;
import io.github.peft4j.methods.prompttuning.PromptTuningConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.TrainingException;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.evaluation.Truncated;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.train.objective.Outputs;
import io.github.peft4j.train.report.DataCounts;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.loss.CrossEntropy;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Training with several examples in a row. */
class PackedTrainingTest {

  @TempDir Path folder;

  private PeftModel llama() {
    return bare().adapt(LoraConfig.ofRank(4).targetModules("all-linear"));
  }

  private PeftModel bare() {
    Path base = folder.resolve("llama");
    return Peft.load(
        (base.toFile().exists() ? base : TinyModels.copy("tiny-llama", base)).toString());
  }

  /** Texts and prompts of different lengths, in a row of 32 tokens at most. */
  private static List<Example> examples() {
    List<Example> examples = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      String words = ("w" + (3 + i) + " w" + (9 - i % 4) + " ").repeat(1 + i % 5).strip();
      examples.add(
          i % 3 == 0 ? new TextExample(words) : new PromptExample(words, " w5 w" + (3 + i)));
    }
    return examples;
  }

  private static FineTuner tuner(PeftModel model, List<? extends Example> examples) {
    return FineTuner.of(model)
        .on(Examples.of(new ArrayList<Example>(examples)))
        .maxLength(32)
        .learningRate(1e-2)
        .constant()
        .quiet();
  }

  @Test
  void stepsOfTheSameExamplesHaveTheSameLossesAndUpdates() {
    List<TrainingReport> reports = new ArrayList<>();
    List<List<float[]>> values = new ArrayList<>();
    for (boolean packing : new boolean[] {false, true}) {
      try (PeftModel model = llama()) {
        reports.add(tuner(model, examples()).packing(packing).batchSize(12).steps(4).run());
        values.add(Trainings.values(model));
      }
    }
    List<Double> alone = reports.get(0).losses();
    assertThat(alone.get(3)).isLessThan(alone.get(0));
    for (int i = 0; i < alone.size(); i++) {
      assertThat(reports.get(1).losses().get(i)).isCloseTo(alone.get(i), within(1e-5));
    }
    for (int i = 0; i < values.get(0).size(); i++) {
      assertClose("tensor " + i, values.get(1).get(i), values.get(0).get(i), 1e-4);
    }
  }

  @Test
  void rowsOfAStepMayBeBatchesOfTheirOwn() {
    List<List<Double>> losses = new ArrayList<>();
    for (int size : new int[] {6, 1}) {
      try (PeftModel model = llama()) {
        FineTuner tuner = tuner(model, examples()).packing(true).batchSize(size);
        losses.add(tuner.accumulate(6 / size).steps(3).run().losses());
      }
    }
    for (int i = 0; i < 3; i++) {
      assertThat(losses.get(1).get(i)).isCloseTo(losses.get(0).get(i), within(1e-5));
    }
  }

  @Test
  void aPrefixIsBeforeEachText() {
    List<Double> losses = new ArrayList<>();
    for (boolean packing : new boolean[] {false, true}) {
      try (PeftModel model = bare().adapt(PrefixTuningConfig.ofVirtualTokens(5))) {
        losses.add(
            tuner(model, examples()).packing(packing).batchSize(12).steps(1).run().finalLoss());
      }
    }
    assertThat(losses.get(1)).isCloseTo(losses.get(0), within(1e-5));
  }

  @Test
  void tokensRowsAndPaddingAreCounted() {
    try (PeftModel model = llama()) {
      TrainingReport[] report = new TrainingReport[1];
      FineTuner tuner = tuner(model, examples()).batchSize(12).steps(1);
      report[0] = tuner.run();
      DataCounts alone = report[0].data();
      assertThat(alone.examples()).isEqualTo(12);
      assertThat(alone.rows()).isEqualTo(12);
      assertThat(alone.tokens()).isEqualTo(report[0].tokens());

      String log = Logged.by(() -> report[0] = tuner.packing(true).run());
      DataCounts packed = report[0].data();
      assertThat(packed.tokens()).isEqualTo(alone.tokens());
      assertThat(packed.rows()).isEqualTo((int) Math.ceil(alone.tokens() / 32.0));
      assertThat(packed.fill()).isGreaterThan(alone.fill()).isBetween(0.8, 1.0);
      assertThat(packed.withoutLabels()).isZero();
      assertThat(log).containsOnlyOnce("training data: " + packed).contains("tokens in 3 rows, ");
    }
  }

  @Test
  void examplesWithoutALabelAreCountedAndSaid() {
    List<Example> examples =
        List.of(new TextExample("w3 w4"), new PromptExample("w3", " w4"), new TextExample(""));
    try (PeftModel model = llama()) {
      TrainingReport[] report = new TrainingReport[1];
      String log = Logged.by(() -> report[0] = tuner(model, examples).steps(1).run());
      assertThat(report[0].data().withoutLabels()).isEqualTo(1);
      assertThat(log).containsOnlyOnce("1 have no label that counts. Nothing is learnt of these");
    }
  }

  @Test
  void aDefaultThatCutsIsSaid() {
    try (PeftModel model = llama()) {
      FineTuner tuner =
          FineTuner.of(model).on(Examples.of(new TextExample("w7 ".repeat(50)))).steps(1).quiet();
      assertThat(Logged.by(tuner::run))
          .contains("By default it is the number of the model's positions, 512 at most");
      assertThat(tuner.run().truncated()).isEqualTo(new Truncated(1, 1, 0, 51, 32));
    }
  }

  @Test
  void aRunIsContinuedWithTheSameRowsOnly() {
    List<Double> whole;
    try (PeftModel model = llama()) {
      whole = tuner(model, examples()).packing(true).batchSize(1).epochs(3).run().losses();
    }
    Path run = folder.resolve("run");
    try (PeftModel model = llama()) {
      FineTuner tuner = tuner(model, examples()).packing(true).batchSize(1).epochs(3);
      tuner.checkpointTo(run).listener(Trainings.onStep(step -> stopAt(5, step.step(), tuner)));
      assertThat(tuner.run().steps()).isEqualTo(5);
    }
    try (PeftModel model = llama()) {
      FineTuner tuner = tuner(model, examples()).batchSize(1).epochs(3).checkpointTo(run);
      assertThatThrownBy(tuner::run)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("another packing: true, now false");
      assertThat(tuner.packing(true).run().losses()).isEqualTo(whole);
    }
  }

  private static void stopAt(long last, long step, FineTuner tuner) {
    if (step == last) {
      tuner.stop();
    }
  }

  @Test
  void anErrorNamesTheExamplesOfTheRows() {
    List<Example> examples =
        List.of(
            new PromptExample("w3", " w7 ".repeat(40)), // is left out
            new TextExample("w4 w5"),
            new TextExample("w6"));
    try (PeftModel model = llama()) {
      FineTuner tuner = tuner(model, examples).skipTooLong().packing(true).epochs(2);
      assertThatThrownBy(() -> tuner.schedule(n -> step -> Double.MAX_VALUE).run())
          .isInstanceOf(TrainingException.class)
          .hasMessageContaining("examples [[1, 2]]");
    }
  }

  @Test
  void whatReadsRowsAsAWholeIsRefused() {
    try (PeftModel model = llama()) {
      FineTuner tuner = tuner(model, examples()).packing(true);
      assertRefused(tuner.objective(new OfRows()), "objective OfRows[] is not a sum over labels");
      assertRefused(
          tuner(model, examples()).packing(true).bucketByLength(true),
          "bucketByLength does nothing");
      model.adapt("frozen", LoraConfig.ofRank(2)).freeze("frozen");
      model.activate(Composition.perRow("default", "frozen"));
      assertRefused(tuner(model, examples()).packing(true), "adapters differ from row to row");
    }
    try (PeftModel model = bare().adapt(PromptTuningConfig.ofVirtualTokens(2))) {
      assertRefused(tuner(model, examples()).packing(true), "virtual tokens in front of a row");
    }
    Path bert = TinyModels.copy("tiny-bert", folder.resolve("bert"));
    try (PeftModel model =
        Peft.from(bert).task(Task.classification("a", "b")).load().adapt(LoraConfig.ofRank(2))) {
      List<Example> texts = List.of(new ClassificationExample("w3", "a"));
      assertRefused(tuner(model, texts).packing(true), "a model for SEQ_CLS");
    }
  }

  private static void assertRefused(FineTuner tuner, String words) {
    assertThatThrownBy(tuner::run)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(words);
  }

  /** A mean over rows. */
  private record OfRows() implements Objective {
    @Override
    public NDArray loss(Outputs outputs) {
      return outputs.sumByRow(CrossEntropy.PLAIN).mean();
    }
  }
}
