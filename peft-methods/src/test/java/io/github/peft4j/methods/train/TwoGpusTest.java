package io.github.peft4j.methods.train;

import static io.github.peft4j.methods.adapter.Closeness.assertClose;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.PyTorch;
import io.github.peft4j.kernel.RandomState;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.kernel.cuda.Generators;
import io.github.peft4j.methods.adalora.AdaLoraConfig;
import io.github.peft4j.methods.adamix.lora.AdaMixLoraConfig;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.childtuning.ChildTuningConfig;
import io.github.peft4j.methods.dylora.DyLoraConfig;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.quantization.bitsandbytes.Nf4;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.optimizer.AdamW;
import io.github.peft4j.train.step.Activations;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What only a host with two GPUs shows. */
class TwoGpusTest {

  private static final Kernel DRAW =
      Kernel.of(
          """
          def draw(x: Tensor) -> Tensor:
              return torch.rand_like(x)
          """);
  private static final Device FIRST = Device.gpu(0);
  private static final Device SECOND = Device.gpu(1);

  @TempDir Path folder;

  @BeforeEach
  void requireTwoGpus() {
    int gpus = PyTorch.engine().getGpuCount();
    assumeTrue(gpus > 1, "SKIPPED: there are no two CUDA GPUs here, but " + gpus);
  }

  private static float[] draw(NDManager manager) {
    return DRAW.call(manager.zeros(new Shape(1000))).toFloatArray();
  }

  @Test
  void eachGpuIsSeededByItself() {
    assertThat(Generators.loaded()).as("generators of this PyTorch, one by one").isPresent();
    try (NDManager first = Tensors.newManager(FIRST);
        NDManager second = Tensors.newManager(SECOND)) {
      float[] expected;
      try (RandomState all = RandomState.seeded(7)) {
        expected = draw(first);
        assertThat(draw(second)).isEqualTo(expected);
      }
      try (RandomState.Only only = RandomState.only(SECOND);
          RandomState one = RandomState.seeded(7)) {
        assertThat(draw(second)).isEqualTo(expected);
        assertThat(draw(first)).as("goes on in the first GPU's sequence").isNotEqualTo(expected);
      }
    }
  }

  /** Both threads have a state at once: each waits in it for the other one. */
  @Test
  void twoGpusDrawAtOnce() throws Exception {
    CountDownLatch both = new CountDownLatch(2);
    ExecutorService threads = Executors.newFixedThreadPool(2);
    try {
      List<Future<float[]>> drawn = new ArrayList<>();
      for (Device device : List.of(FIRST, SECOND)) {
        drawn.add(
            threads.submit(
                () -> {
                  try (NDManager manager = Tensors.newManager(device);
                      RandomState.Only only = RandomState.only(device);
                      RandomState state = RandomState.seeded(7)) {
                    both.countDown();
                    assertThat(both.await(1, TimeUnit.MINUTES)).isTrue();
                    return draw(manager);
                  }
                }));
      }
      assertThat(drawn.get(0).get()).isEqualTo(drawn.get(1).get());
    } finally {
      threads.shutdown();
    }
  }

  private PeftModel llama(Precision precision, boolean nf4, PeftConfig config) {
    Path base = folder.resolve("llama");
    Peft.Loader loader =
        Peft.from(base.toFile().exists() ? base : TinyModels.copy("tiny-llama", base))
            .device(FIRST)
            .precision(precision);
    return (nf4 ? loader.quantize(Nf4.plain()) : loader).load().adapt(config);
  }

  private static Dataset<PromptExample> prompts() {
    List<PromptExample> examples = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      String words = ("w" + (3 + i) + " w" + (9 - i % 4) + " ").repeat(1 + i % 5).strip();
      examples.add(new PromptExample(words, " w5 w" + (3 + i)));
    }
    return Examples.of(examples);
  }

  private static FineTuner tuner(PeftModel model) {
    return FineTuner.of(model)
        .on(prompts())
        .batchSize(3)
        .accumulate(2)
        .steps(14)
        .learningRate(5e-3)
        .constant()
        .quiet();
  }

  private static LoraConfig lora() {
    return LoraConfig.ofRank(4).loraAlpha(8).loraDropout(0.1).targetModules("all-linear");
  }

  static Stream<PeftConfig> methods() {
    return Stream.of(
        lora(),
        lora().modulesToSave("lm_head"),
        AdaLoraConfig.ofRanks(4, 2).tinit(1).tfinal(1).deltaT(2).totalStep(14).loraDropout(0.1),
        DyLoraConfig.ofRank(4),
        AdaMixLoraConfig.ofRank(2),
        ChildTuningConfig.free());
  }

  /** Compares losses, and returns the tensors of both. */
  private List<List<float[]>> compare(
      Precision precision,
      boolean nf4,
      PeftConfig config,
      UnaryOperator<FineTuner> setting,
      double tolerance) {
    List<TrainingReport> reports = new ArrayList<>();
    List<List<float[]>> values = new ArrayList<>();
    for (Device[] more : new Device[][] {{}, {SECOND}}) {
      try (PeftModel model = llama(precision, nf4, config)) {
        reports.add(setting.apply(tuner(model)).on(FIRST, more).run());
        values.add(Trainings.values(model));
      }
    }
    for (int i = 0; i < reports.get(0).losses().size(); i++) {
      assertThat(reports.get(1).losses().get(i))
          .as("loss of step %d", i + 1)
          .isCloseTo(reports.get(0).losses().get(i), within(tolerance));
    }
    return values;
  }

  /** In 64 bits, so that only rounding can be as small as the tolerance. */
  @ParameterizedTest
  @MethodSource("methods")
  void twoGpusMakeTheStepsOfOne(PeftConfig config) {
    List<List<float[]>> values = compare(Precision.FLOAT64, false, config, tuner -> tuner, 1e-7);
    for (int i = 0; i < values.get(0).size(); i++) {
      assertClose("tensor " + i, values.get(1).get(i), values.get(0).get(i), 1e-5);
    }
  }

  static Stream<UnaryOperator<FineTuner>> settings() {
    return Stream.of(
        tuner -> tuner,
        tuner -> tuner.packing(true).maxLength(20),
        tuner -> tuner.activations(Activations.RECOMPUTED),
        tuner -> tuner.activations(Activations.ON_HOST),
        tuner -> tuner.optimizer(AdamW.DEFAULT.eightBit().paged()),
        tuner -> tuner.validateOn(prompts()).evaluateEvery(2).keepBest());
  }

  /** In the precisions of real trainings, in which two trainings of one GPU differ as much. */
  @ParameterizedTest
  @MethodSource("settings")
  void bfloat16AndFourBitsAreTrained(UnaryOperator<FineTuner> setting) {
    compare(Precision.BFLOAT16, false, lora(), setting, 3e-2);
    compare(Precision.BFLOAT16, true, lora(), setting, 3e-2);
  }
}
