package io.github.peft4j.methods.train;

import static io.github.peft4j.methods.adapter.Closeness.assertClose;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.PyTorch;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.fish.FishConfig;
import io.github.peft4j.methods.fisher.Fisher;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.eva.Eva;
import io.github.peft4j.quantization.Quantization;
import io.github.peft4j.quantization.bitsandbytes.Int8;
import io.github.peft4j.quantization.bitsandbytes.Nf4;
import io.github.peft4j.quantization.groups.Groups;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.optimizer.AdamW;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.transformer.DeviceMap;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Trainings of a model whose layers are on several devices, or wait on the host. */
class SpreadTrainingTest {

  @TempDir Path folder;

  @BeforeEach
  void check() {
    System.setProperty("peft4j.devices", "checked");
  }

  @AfterEach
  void restore() {
    System.clearProperty("peft4j.devices");
  }

  static Stream<Arguments> settings() {
    List<UnaryOperator<FineTuner>> settings =
        List.of(
            tuner -> tuner.clip(0.05),
            tuner -> tuner.activations(Activations.RECOMPUTED),
            tuner -> tuner.activations(Activations.ON_HOST),
            tuner -> tuner.optimizer(AdamW.DEFAULT.eightBit(1).paged()));
    return Stream.of("two", "host", "gpus", "gpus and host")
        .flatMap(
            where ->
                Stream.of(0, 1, 2, 3)
                    .map(
                        i ->
                            Arguments.of(
                                where,
                                List.of("clipped", "recomputed", "inputs on the host", "eight bits")
                                    .get(i),
                                settings.get(i))));
  }

  private static DeviceMap one(String where) {
    return DeviceMap.on(where.startsWith("gpus") ? Device.gpu(0) : Device.cpu());
  }

  private static DeviceMap map(String where) {
    DeviceMap one = one(where);
    return switch (where) {
      case "two" -> one.layers(1, 1, Device.cpu());
      case "gpus" -> one.layers(1, 1, Device.gpu(1));
      default -> one.onHost(0, 9);
    };
  }

  private PeftModel load(DeviceMap devices, @Nullable Quantization quantization, double dropout) {
    Path base = folder.resolve("llama");
    Peft.Loader loader =
        Peft.from(base.toFile().exists() ? base : TinyModels.copy("tiny-llama", base))
            .deviceMap(devices)
            .precision(Precision.FLOAT32);
    return (quantization == null ? loader : loader.quantize(quantization))
        .load()
        .adapt(LoraConfig.ofRank(4).loraAlpha(8).loraDropout(dropout).targetModules("all-linear"));
  }

  private static Dataset<PromptExample> prompts() {
    List<PromptExample> examples = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      examples.add(
          new PromptExample(("w" + (3 + i) + " w5 ").repeat(1 + i % 4).strip(), " w" + (4 + i)));
    }
    return Examples.of(examples);
  }

  private static TrainingReport train(PeftModel model, UnaryOperator<FineTuner> setting) {
    return setting
        .apply(
            FineTuner.of(model)
                .on(prompts())
                .batchSize(3)
                .accumulate(2)
                .steps(6)
                .learningRate(5e-3)
                .quiet())
        .run();
  }

  private void compare(
      DeviceMap one,
      DeviceMap map,
      @Nullable Quantization quantization,
      UnaryOperator<FineTuner> setting,
      double dropout,
      double tolerance) {
    List<TrainingReport> reports = new ArrayList<>();
    List<List<float[]>> values = new ArrayList<>();
    for (DeviceMap devices : List.of(one, map)) {
      try (PeftModel model = load(devices, quantization, dropout)) {
        reports.add(train(model, setting));
        values.add(Trainings.values(model));
      }
    }
    for (int i = 0; i < reports.get(0).losses().size(); i++) {
      assertThat(reports.get(1).losses().get(i))
          .as("loss of step %d", i + 1)
          .isCloseTo(reports.get(0).losses().get(i), within(tolerance));
    }
    for (int i = 0; i < values.get(0).size(); i++) {
      assertClose("tensor " + i, values.get(1).get(i), values.get(0).get(i), 100 * tolerance);
    }
  }

  /**
   * Dropout draws the same numbers wherever a layer is. On a GPU this holds where layers are
   * recomputed: if activations are kept, one GPU draws from one sequence for all layers, as a CUDA
   * graph would.
   */
  @ParameterizedTest(name = "{0}, {1}")
  @MethodSource("settings")
  void trainingsAreThoseOfOneDevice(String where, String what, UnaryOperator<FineTuner> setting) {
    int gpus = where.startsWith("gpus") ? PyTorch.engine().getGpuCount() : 2;
    assumeTrue(gpus > 1, "SKIPPED: there are no two CUDA GPUs here, but " + gpus);
    boolean onGpus = where.startsWith("gpus");
    boolean isKept = what.equals("clipped") || what.equals("eight bits");
    compare(
        one(where), map(where), null, setting, onGpus && isKept ? 0 : 0.1, onGpus ? 1e-4 : 1e-5);
  }

  static Stream<Quantization> quantizations() {
    return Stream.of(Nf4.doubleQuantized(), Int8.BY_ROW, new Groups(4, 16));
  }

  /** What is streamed is what is stored. */
  @ParameterizedTest
  @MethodSource("quantizations")
  void matricesInFewerBitsWaitOnTheHost(Quantization quantization) {
    compare(one("host"), map("host"), quantization, tuner -> tuner, 0.1, 1e-5);
  }

  @Test
  void replicasOfASpreadModelAreRefused() {
    try (PeftModel model = load(map("two"), null, 0.1)) {
      assertThat(
              org.assertj.core.api.Assertions.catchThrowable(
                  () -> train(model, tuner -> tuner.on(Device.cpu(), Device.cpu()))))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("spread over devices");
    }
  }

  /** What passes of the frozen model find is found on each layer's device. */
  @Test
  void methodsThatReadExamplesFindTheSame() {
    List<Map<String, float[]>> values = new ArrayList<>();
    List<String> configs = new ArrayList<>();
    for (DeviceMap devices : List.of(one("two"), map("two"), map("host"))) {
      try (PeftModel model = load(devices, null, 0)) {
        Eva.of(LoraConfig.ofRank(2)).adapt("eva", model, prompts());
        Fisher.of(FishConfig.ofRatio(0.05).numSamples(4)).adapt("fish", model, prompts());
        Map<String, float[]> all = new TreeMap<>();
        for (String name : List.of("eva", "fish")) {
          Adapter adapter = model.adapter(name);
          configs.add(adapter.parts().get(0).configText());
          adapter.tensors().forEach((key, tensor) -> all.put(name + key, numbers(tensor.value())));
        }
        values.add(all);
      }
    }
    for (int i = 1; i < values.size(); i++) {
      assertThat(configs.subList(2 * i, 2 * i + 2)).isEqualTo(configs.subList(0, 2));
      assertThat(values.get(i).keySet()).isEqualTo(values.get(0).keySet());
      Map<String, float[]> here = values.get(i);
      values
          .get(0)
          .forEach(
              (key, expected) -> assertClose(key, requireNonNull(here.get(key)), expected, 1e-5));
    }
  }

  private static float[] numbers(NDArray tensor) {
    try (NDArray floats = tensor.toType(DataType.FLOAT32, true)) {
      return floats.toFloatArray();
    }
  }
}
