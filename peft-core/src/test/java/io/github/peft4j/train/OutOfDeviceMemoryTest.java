package io.github.peft4j.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.kernel.OutOfDeviceMemoryException;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.PyTorch;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.toy.TinyLlama;
import io.github.peft4j.toy.ToyConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What happens when a GPU's memory really runs out. */
class OutOfDeviceMemoryTest {

  private static final int ROWS = 512;

  /** Left for the training: less than a step of all rows needs, and more than one of a few. */
  private static final long LEFT = 2L << 30;

  @TempDir Path folder;

  @BeforeEach
  void requireGpu() throws IOException {
    assumeTrue(PyTorch.engine().getGpuCount() > 0, "SKIPPED: there is no CUDA GPU to fill");
    TinyLlama.write(folder, new TinyLlama.Sizes(256, 512, 4, 2, 4, 128));
  }

  private static FineTuner tuner(PeftModel model) {
    Random random = new Random(3);
    Stream<PromptExample> rows =
        Stream.generate(() -> new PromptExample(words(random, 90), " " + words(random, 20)));
    return FineTuner.of(model)
        .on(Examples.of(rows.limit(ROWS).toList()))
        .batchSize(ROWS)
        .steps(3)
        .learningRate(1e-3)
        .quiet();
  }

  private static String words(Random random, int count) {
    return String.join(" ", random.ints(count, 0, 4).mapToObj(i -> "abcd".charAt(i) + "").toList());
  }

  /** Takes the GPU's memory, all but what is left for the training. */
  private static NDManager filler() {
    NDManager filler = Tensors.newManager(Device.gpu());
    NDArray left = filler.zeros(new Shape(LEFT / Float.BYTES));
    for (long bytes = 4L << 30; bytes >= 32L << 20; ) {
      try {
        filler.zeros(new Shape(bytes / Float.BYTES));
      } catch (EngineException e) {
        bytes /= 2;
      }
    }
    left.close();
    return filler;
  }

  @Test
  void aTrainingFailsCleanlyAndFindsTheBatchThatFits() {
    try (PeftModel model =
        Peft.from(folder)
            .precision(Precision.FLOAT32)
            .load()
            .adapt(ToyConfig.of(1, 0).targetModules("all-linear"))) {
      tuner(model).steps(1).learningRate(1e-30).autoBatchSize(true).run(); // fills the caches
      List<float[]> before = TrainedValues.of(model);
      try (NDManager filler = filler()) {
        long live = Tensors.live();
        assertThatThrownBy(() -> tuner(model).run())
            .isInstanceOf(OutOfDeviceMemoryException.class)
            .hasMessageContaining("step 1 of the training, with 512 rows at once")
            .hasMessageContaining("GiB")
            .hasMessageContaining("autoBatchSize(true)");
        assertThat(Tensors.live()).as("arrays that are alive").isEqualTo(live);
        assertThat(TrainedValues.of(model)).usingRecursiveComparison().isEqualTo(before);
        TrainingReport parts = tuner(model).autoBatchSize(true).run();
        assertThat(parts.details().microBatchSize()).isBetween(8, ROWS / 2);
        filler.close();
        try (PeftModel other =
            Peft.from(folder)
                .precision(Precision.FLOAT32)
                .load()
                .adapt(ToyConfig.of(1, 0).targetModules("all-linear"))) {
          List<Double> whole = tuner(other).run().losses();
          for (int i = 0; i < whole.size(); i++) {
            assertThat(parts.losses().get(i)).isCloseTo(whole.get(i), within(1e-3));
          }
        }
      }
    }
  }
}
