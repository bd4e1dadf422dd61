package io.github.peft4j.methods.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.methods.Logged;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.optimizer.AdamW;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Trainings whose AdamW has moments of 8 bits, on the device or the host. It runs on a GPU, if
 * there is one.
 */
class EightBitTrainingTest {

  private static final AdamW.Settings EIGHT_BIT = AdamW.DEFAULT.eightBit(256);

  @TempDir Path folder;

  /** A model of which every trained tensor has two blocks or more. */
  private PeftModel model(String name) {
    Path base = folder.resolve(name);
    if (!Files.exists(base)) {
      TinyModels.copy(name, base);
    }
    return Peft.load(base.toString())
        .adapt(LoraConfig.ofRank(32).loraDropout(0.1).targetModules("all-linear"));
  }

  private static FineTuner tuner(PeftModel model) {
    return FineTuner.of(model)
        .on(Trainings.echoes(1))
        .batchSize(4)
        .accumulate(2)
        .learningRate(2e-3)
        .steps(6)
        .quiet();
  }

  @ParameterizedTest
  @ValueSource(strings = {"tiny-llama", "tiny-gemma2"})
  void twoHundredStepsLearnAsMuch(String name) {
    List<Double> plain;
    List<Double> eight;
    try (PeftModel model = model(name)) {
      plain = tuner(model).accumulate(1).steps(200).run().losses();
    }
    try (PeftModel model = model(name)) {
      eight = tuner(model).accumulate(1).steps(200).optimizer(EIGHT_BIT).run().losses();
    }
    assertThat(mean(plain, 180)).as("it learns").isLessThan(0.9 * plain.get(0));
    assertThat(eight).isNotEqualTo(plain);
    for (int last : new int[] {0, 180}) {
      assertThat(mean(eight, last) / mean(plain, last)).as("from %d", last).isBetween(0.99, 1.01);
    }
  }

  /** The mean of the losses from a step on. */
  private static double mean(List<Double> losses, int from) {
    return losses.subList(from, losses.size()).stream()
        .mapToDouble(loss -> loss)
        .average()
        .orElseThrow();
  }

  @Test
  void aKilledRunGoesOnBitByBit() {
    Function<PeftModel, FineTuner> tuner = model -> tuner(model).optimizer(EIGHT_BIT.paged());
    Resuming.assertGoesOn(() -> model("tiny-llama"), tuner, 3, folder);
    Path file = folder.resolve("run/checkpoint-6/trainer.safetensors");
    try (TensorSource source = Safetensors.open(file)) {
      assertThat(source.info("0.state1").dtype()).isEqualTo(DType.U8);
      assertThat(source.info("0.state1").shape()).containsExactly(2, 256);
      assertThat(source.info("0.absmax2").dtype()).isEqualTo(DType.F32);
      assertThat(source.longs("0.state1"))
          .as("a block's largest amount, of either sign")
          .containsAnyOf(0, 255)
          .satisfies(codes -> assertThat(Arrays.stream(codes)).allMatch(c -> c >= 0 && c < 256));
      assertThat(source.names()).doesNotContain("0.exp_avg");
    }
  }

  @Test
  void momentsOfOtherBitsAreAnotherRun() {
    try (PeftModel model = model("tiny-llama")) {
      tuner(model).checkpointTo(folder.resolve("plain")).run();
      tuner(model).optimizer(EIGHT_BIT).checkpointTo(folder.resolve("eight")).run();
      String plain = AdamW.DEFAULT.toString();
      assertThatThrownBy(
              () -> tuner(model).optimizer(EIGHT_BIT).checkpointTo(folder.resolve("plain")).run())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(
              "another optimizer: " + plain + ", now " + EIGHT_BIT + ". To go on");
      assertThatThrownBy(() -> tuner(model).checkpointTo(folder.resolve("eight")).run())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(
              "another optimizer: " + EIGHT_BIT + ", now " + plain + ". To go on");
      List<Double> paged =
          tuner(model)
              .optimizer(EIGHT_BIT.paged())
              .checkpointTo(folder.resolve("eight"))
              .run()
              .losses();
      assertThat(paged).as("paging is no other run").hasSize(6);
    }
  }

  @Test
  void theLogSaysWhatHasEightBits() {
    try (PeftModel model = model("tiny-llama")) {
      int tensors = model.trainables().size();
      String log = Logged.by(() -> tuner(model).optimizer(AdamW.DEFAULT.eightBit().paged()).run());
      assertThat(log).contains("moments have 8 bits for 0 of " + tensors + " tensors");
      if (!model.base().device().isGpu()) {
        assertThat(log).contains("AdamW is paged, but on the CPU its moments need not be moved");
      }
      log = Logged.by(() -> tuner(model).optimizer(EIGHT_BIT).run());
      assertThat(log)
          .contains("moments have 8 bits for " + tensors + " of " + tensors + " tensors");
    }
  }
}
