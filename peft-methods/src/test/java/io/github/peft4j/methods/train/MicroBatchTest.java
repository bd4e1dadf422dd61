package io.github.peft4j.methods.train;

import static io.github.peft4j.methods.adapter.Closeness.assertClose;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.PreferenceExample;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.data.batch.EncodedDataset;
import io.github.peft4j.kernel.OutOfDeviceMemoryException;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adalora.AdaLoraConfig;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.ia3.Ia3Config;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.prompttuning.PromptTuningConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.train.objective.Outputs;
import io.github.peft4j.train.optimizer.LossScaling;
import io.github.peft4j.train.preference.Dpo;
import io.github.peft4j.transformer.loss.CrossEntropy;
import io.github.peft4j.transformer.pass.LossTargets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Batches in parts, with the methods' own adapters. The device is one with room for few rows. */
class MicroBatchTest {

  @TempDir Path folder;

  /** Another objective on a device with room for so many rows of a batch. */
  private record OnSmallDevice(Objective objective, int room) implements Objective {

    @Override
    public NDArray loss(Outputs outputs) {
      if (outputs.targets().rows() > room) {
        throw new EngineException(
            "CUDA out of memory. Tried to allocate 136.00 MiB. GPU 0 has a total capacity of 23.49"
                + " GiB of which 116.19 MiB is free. Including non-PyTorch memory, this process has"
                + " 22.92 GiB memory in use. Of the allocated memory 22.54 GiB is allocated by"
                + " PyTorch, and 2.73 MiB is reserved by PyTorch but unallocated.");
      }
      return objective.loss(outputs);
    }

    @Override
    public boolean isSumOfExamples() {
      return objective.isSumOfExamples();
    }

    @Override
    public double units(int examples, LossTargets.Rows labels) {
      return objective.units(examples, labels);
    }

    @Override
    public boolean takes(int texts) {
      return objective.takes(texts);
    }

    @Override
    public void check(EncodedDataset data) {
      objective.check(data);
    }
  }

  private PeftModel model(Precision precision, PeftConfig config) {
    Path base = folder.resolve("llama");
    return Peft.from(base.toFile().exists() ? base : TinyModels.copy("tiny-llama", base))
        .precision(precision)
        .load()
        .adapt(config);
  }

  private static Examples<? extends Example> examples() {
    List<PromptExample> examples = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      String words = ("w" + (3 + i) + " w" + (9 - i % 4) + " ").repeat(1 + i % 5).strip();
      examples.add(new PromptExample(words, " w5 w" + (3 + i)));
    }
    return Examples.of(examples);
  }

  private static FineTuner tuner(PeftModel model, Examples<? extends Example> examples) {
    return FineTuner.of(model)
        .on(examples)
        .batchSize(6)
        .steps(6)
        .learningRate(5e-3)
        .constant()
        .quiet();
  }

  static Stream<PeftConfig> methods() {
    return Stream.of(
        LoraConfig.ofRank(4).targetModules("all-linear"),
        AdaLoraConfig.ofRanks(4, 2).tinit(1).tfinal(1).deltaT(2).totalStep(6),
        PromptTuningConfig.ofVirtualTokens(3),
        Ia3Config.defaults());
  }

  @ParameterizedTest
  @MethodSource("methods")
  void partsMakeTheStepsOfWholeBatches(PeftConfig config) {
    compare(Precision.FLOAT32, config, examples(), Objective.of(CrossEntropy.PLAIN), 1e-4);
  }

  @Test
  void pairsStayTogether() {
    List<PreferenceExample> pairs = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      pairs.add(new PreferenceExample("w" + (3 + i), " w5 w4", " w" + (6 + i % 4)));
    }
    compare(
        Precision.FLOAT32,
        LoraConfig.ofRank(4).targetModules("all-linear"),
        Examples.of(pairs),
        new Dpo(0.1),
        1e-4);
  }

  @Test
  void partsHaveTheScaleOfTheStep() {
    compare(
        Precision.FLOAT16,
        LoraConfig.ofRank(4).targetModules("all-linear"),
        examples(),
        Objective.of(CrossEntropy.PLAIN),
        0.05);
  }

  private void compare(
      Precision precision,
      PeftConfig config,
      Examples<? extends Example> examples,
      Objective objective,
      double tolerance) {
    List<TrainingReport> reports = new ArrayList<>();
    List<List<float[]>> values = new ArrayList<>();
    for (int rows : new int[] {1000, 4}) {
      try (PeftModel model = model(precision, config)) {
        FineTuner tuner = tuner(model, examples);
        if (precision == Precision.FLOAT16) {
          tuner.lossScaling(LossScaling.DEFAULT.initial(256));
        }
        TrainingReport report =
            tuner.objective(new OnSmallDevice(objective, rows)).autoBatchSize(true).run();
        int pairs = objective instanceof Dpo ? 2 : 1;
        assertThat(report.details().microBatchSize())
            .isEqualTo(rows == 1000 ? 6 : pairs == 2 ? 1 : 3);
        reports.add(report);
        values.add(Trainings.values(model));
      }
    }
    for (int i = 0; i < 6; i++) {
      assertThat(reports.get(1).losses().get(i))
          .isCloseTo(reports.get(0).losses().get(i), within(tolerance));
    }
    for (int i = 0; i < values.get(0).size(); i++) {
      assertClose("tensor " + i, values.get(1).get(i), values.get(0).get(i), 20 * tolerance);
    }
  }

  @Test
  void aBatchOfAllExamplesIsNoPart() {
    try (PeftModel model = model(Precision.FLOAT32, LoraConfig.ofRank(4))) {
      TrainingReport report = tuner(model, examples()).batchSize(512).steps(1).run();
      assertThat(report.details().microBatchSize()).isEqualTo(report.data().rows());
      assertThat(report.toString()).doesNotContain("rows at once");
    }
  }

  @Test
  void withoutPartsTheRunFailsAndMayBeRepeated() {
    try (PeftModel model = model(Precision.FLOAT32, LoraConfig.ofRank(4))) {
      tuner(model, examples()).steps(1).run();
      long live = Tensors.live();
      OnSmallDevice small = new OnSmallDevice(Objective.of(CrossEntropy.PLAIN), 4);
      assertThatThrownBy(() -> tuner(model, examples()).objective(small).run())
          .isInstanceOf(OutOfDeviceMemoryException.class)
          .hasMessageContaining("6 rows at once")
          .hasMessageContaining("GPU 0 has not enough memory: 136.0 MiB more were asked for");
      assertThat(Tensors.live()).isEqualTo(live);
      assertThat(tuner(model, examples()).objective(small).autoBatchSize(true).run().steps())
          .isEqualTo(6);
    }
  }
}
