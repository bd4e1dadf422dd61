package io.github.peft4j.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.OutOfDeviceMemoryException;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.quantization.NativeMemory;
import io.github.peft4j.toy.Exhausted;
import io.github.peft4j.toy.TinyLlama;
import io.github.peft4j.toy.ToyConfig;
import io.github.peft4j.toy.ToyLayer;
import io.github.peft4j.train.evaluation.Evaluator;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.train.objective.Outputs;
import io.github.peft4j.train.report.StepEvent;
import io.github.peft4j.train.report.TrainingListener;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.transformer.loss.CrossEntropy;
import io.github.peft4j.tuner.Trainable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BinaryOperator;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What happens when the CPU's memory runs out. The errors are PyTorch's own. */
class OutOfMemoryTest {

  private static final List<PromptExample> EXAMPLES =
      List.of(
          new PromptExample("a b", " c"),
          new PromptExample("b a a c", " d"),
          new PromptExample("a a", " c d"),
          new PromptExample("b b", " d"),
          new PromptExample("c a d", " b"),
          new PromptExample("d", " a"),
          new PromptExample("c c b", " a"));

  @TempDir Path folder;
  @TempDir Path runs;

  @BeforeEach
  void writeTheModel() throws IOException {
    TinyLlama.write(folder);
  }

  @AfterEach
  void repair() {
    ToyLayer.tamper = OutOfMemoryTest::second;
    ToyLayer.kernels = false;
  }

  private PeftModel model() {
    return Peft.from(folder)
        .device(Device.cpu())
        .load()
        .adapt(ToyConfig.of(1, 0).targetModules("all-linear"));
  }

  private static FineTuner tuner(PeftModel model) {
    return FineTuner.of(model)
        .on(Examples.of(EXAMPLES))
        .batchSize(4)
        .epochs(5)
        .learningRate(1e-2)
        .quiet();
  }

  /** Fails at the nth layer from now on that is computed. */
  private static void failAt(int layer, UnaryOperator<NDArray> failure) {
    AtomicInteger calls = new AtomicInteger();
    ToyLayer.tamper = (x, y) -> calls.incrementAndGet() == layer ? failure.apply(y) : y;
  }

  /** Fails for more than so many rows. */
  private static void failAbove(AtomicInteger rows, UnaryOperator<NDArray> failure) {
    ToyLayer.tamper = (x, y) -> x.getShape().get(0) > rows.get() ? failure.apply(y) : y;
  }

  @ParameterizedTest
  @CsvSource({
    "false, KEPT, false, 11",
    "false, KEPT, true, 11",
    "false, RECOMPUTED, false, 11",
    "false, RECOMPUTED, false, 20",
    "false, RECOMPUTED, true, 19",
    "true, KEPT, false, 11",
    "true, KEPT, true, 11",
    "true, RECOMPUTED, false, 11",
    "true, RECOMPUTED, false, 20",
    "true, RECOMPUTED, true, 18",
    "true, RECOMPUTED, true, 19",
    "true, RECOMPUTED, true, 21",
    "false, ON_HOST, false, 20",
    "false, ON_HOST, true, 25",
    "true, ON_HOST, false, 20",
    "true, ON_HOST, true, 25"
  })
  void aTrainingThatFailsLeavesNothingAndTheModelMayBeUsed(
      boolean kernels, Activations activations, boolean backward, int layer) {
    ToyLayer.kernels = kernels;
    TrainingReport plain;
    try (PeftModel model = model()) {
      plain = tuner(model).activations(activations).run();
    }
    try (PeftModel model = model()) {
      tuner(model).steps(1).learningRate(1e-30).activations(activations).run(); // fills the caches
      List<float[]> before = TrainedValues.of(model);
      long live = Tensors.live();
      UnaryOperator<NDArray> failure = backward ? Exhausted::inBackward : Exhausted::inForward;
      failAt(layer, failure); // 14 are computed in a forward pass
      assertThatThrownBy(() -> tuner(model).activations(activations).run())
          .isInstanceOf(OutOfDeviceMemoryException.class)
          .hasMessageContaining("step 1 of the training, with 4 rows at once of up to 24 tokens")
          .hasMessageContaining("the CPU has not enough memory: 262,144.00 GiB more were asked for")
          .hasMessageContaining("autoBatchSize(true)")
          .satisfies(
              e ->
                  assertThat(e.toString().contains("activations(RECOMPUTED)"))
                      .isEqualTo(activations == Activations.KEPT));
      assertThat(Tensors.live()).as("arrays that are alive").isEqualTo(live);
      for (Trainable tensor : model.trainables()) {
        try (NDArray gradient = Autograd.gradient(tensor.value())) {
          assertThat(gradient == null ? new float[1] : Tensors.floats(gradient)).containsOnly(0);
        }
      }
      assertThat(TrainedValues.of(model)).usingRecursiveComparison().isEqualTo(before);
      ToyLayer.tamper = OutOfMemoryTest::second;
      List<Double> losses = tuner(model).activations(activations).run().losses();
      for (int i = 0; i < losses.size(); i++) {
        assertThat(losses.get(i)).isCloseTo(plain.losses().get(i), within(1e-5));
      }
    }
  }

  /** What a kernel was given must not stay in memory: each failure would take as much once more. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void failuresTakeNoNativeMemory(boolean kernels) throws IOException {
    TinyLlama.write(folder, new TinyLlama.Sizes(256, 512, 4, 2, 4, 24));
    ToyLayer.kernels = kernels;
    List<PromptExample> examples = Collections.nCopies(64, new PromptExample("a b c d a b", " c"));
    try (PeftModel model = model()) {
      long before = 0;
      for (int i = 0; i < 12; i++) {
        failAt(20, Exhausted::inForward); // of 28
        assertThatThrownBy(
                () -> tuner(model).on(Examples.of(examples)).batchSize(64).steps(1).run())
            .isInstanceOf(OutOfDeviceMemoryException.class);
        before = i == 3 ? NativeMemory.used() : before; // the first ones fill caches
      }
      assertThat(NativeMemory.used() - before).isLessThan(16L << 20); // a leak was 8 times 10 MiB
    }
  }

  @Test
  void evaluationAndGenerationFailInTheSameWay() {
    try (PeftModel model = model()) {
      GenerationConfig four = GenerationConfig.greedy().maxNewTokens(4);
      String text = model.generate("a b", four).text();
      Evaluator evaluator = new Evaluator(model, 8, 16);
      double loss = evaluator.evaluate(Examples.of(EXAMPLES)).get("loss");
      long live = Tensors.live();
      for (int layer : new int[] {3, 20}) {
        failAt(layer, Exhausted::inForward);
        assertThatThrownBy(() -> model.generate("a b", four).text())
            .isInstanceOf(OutOfDeviceMemoryException.class)
            .hasMessageStartingWith("generation of a text: the CPU has not enough memory")
            .hasMessageContaining("Generate for fewer prompts at a time");
      }
      failAt(9, Exhausted::inForward);
      assertThatThrownBy(() -> evaluator.evaluate(Examples.of(EXAMPLES)))
          .isInstanceOf(OutOfDeviceMemoryException.class)
          .hasMessageContaining("evaluation of a batch of 7 x")
          .hasMessageContaining("evaluationBatchSize");
      assertThat(Tensors.live()).as("arrays that are alive").isEqualTo(live);
      ToyLayer.tamper = OutOfMemoryTest::second;
      assertThat(model.generate("a b", four).text()).isEqualTo(text);
      assertThat(evaluator.evaluate(Examples.of(EXAMPLES)).get("loss")).isEqualTo(loss);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void batchesAreComputedInPartsThatFit(boolean backward) {
    UnaryOperator<NDArray> failure = backward ? Exhausted::inBackward : Exhausted::inForward;
    for (int fits : new int[] {1, 2, 3, 8}) {
      List<float[]> tensors;
      TrainingReport plain;
      try (PeftModel model = model()) {
        plain = tuner(model).validateOn(Examples.of(EXAMPLES)).run();
        tensors = TrainedValues.of(model);
      }
      try (PeftModel model = model()) {
        if (backward) {
          AtomicInteger rows = new AtomicInteger(fits);
          BinaryOperator<NDArray> fail = failing(rows, failure);
          ToyLayer.tamper = (x, y) -> Autograd.isRecording() ? fail.apply(x, y) : y;
        } else {
          failAbove(new AtomicInteger(fits), failure);
        }
        TrainingReport report =
            tuner(model).validateOn(Examples.of(EXAMPLES)).autoBatchSize(true).run();
        assertThat(report.details().microBatchSize()).isEqualTo(fits == 8 ? 4 : fits == 1 ? 1 : 2);
        String said = fits < 4 ? ", " + Math.min(fits, 2) + " rows at once" : " steps, final loss";
        assertThat(report.toString()).contains(said);
        same(report, plain);
        for (int i = 0; i < tensors.size(); i++) {
          assertThat(TrainedValues.of(model).get(i)).containsExactly(tensors.get(i), within(1e-5f));
        }
        assertThat(report.finalMetrics().orElseThrow().get("loss"))
            .isCloseTo(plain.finalMetrics().orElseThrow().get("loss"), within(1e-5));
        ToyLayer.tamper = OutOfMemoryTest::second;
      }
    }
  }

  private static BinaryOperator<NDArray> failing(
      AtomicInteger rows, UnaryOperator<NDArray> failure) {
    return (x, y) -> x.getShape().get(0) > rows.get() ? failure.apply(y) : y;
  }

  private static void same(TrainingReport report, TrainingReport plain) {
    assertThat(report.steps()).isEqualTo(plain.steps());
    for (int i = 0; i < plain.losses().size(); i++) {
      assertThat(report.losses().get(i)).isCloseTo(plain.losses().get(i), within(1e-5));
      assertThat(report.details().gradNorms().get(i))
          .isCloseTo(plain.details().gradNorms().get(i), within(1e-4f));
    }
  }

  @Test
  void memoryThatRunsOutLaterMakesPartsSmallerAndLosesNothing() {
    TrainingReport plain;
    try (PeftModel model = model()) {
      plain = tuner(model).accumulate(2).run();
    }
    Path run = runs.resolve("run");
    AtomicInteger fits = new AtomicInteger(4);
    failAbove(fits, Exhausted::inForward);
    try (PeftModel model = model()) {
      FineTuner tuner = tuner(model).accumulate(2).autoBatchSize(true).checkpointTo(run);
      tuner.listener(
          onStep(
              step -> {
                if (step.step() == 2) {
                  fits.set(2); // another program takes memory
                }
                if (step.step() == 3) {
                  tuner.stop();
                }
              }));
      assertThat(tuner.run().details().microBatchSize()).isEqualTo(2);
    }
    fits.set(4);
    AtomicLong most = new AtomicLong();
    ToyLayer.tamper =
        (x, y) -> {
          most.accumulateAndGet(x.getShape().get(0), Math::max);
          return y;
        };
    try (PeftModel model = model()) {
      TrainingReport report =
          tuner(model).accumulate(2).autoBatchSize(true).checkpointTo(run).run();
      assertThat(report.details().microBatchSize()).as("after a resume").isEqualTo(2);
      assertThat(most).hasValue(2);
      same(report, plain);
    }
  }

  @Test
  void aRowThatDoesNotFitIsAnError() {
    try (PeftModel model = model()) {
      failAbove(new AtomicInteger(0), Exhausted::inForward);
      assertThatThrownBy(() -> tuner(model).autoBatchSize(true).run())
          .isInstanceOf(OutOfDeviceMemoryException.class)
          .hasMessageContaining("with one row at once")
          .satisfies(e -> assertThat(e.getMessage()).doesNotContain("autoBatchSize"));
    }
  }

  @Test
  void objectivesThatCompareExamplesAreRefused() {
    Objective whole =
        new Objective() {
          @Override
          public NDArray loss(Outputs outputs) {
            return outputs.sum(CrossEntropy.PLAIN);
          }

          @Override
          public String toString() {
            return "of whole batches";
          }
        };
    try (PeftModel model = model()) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> tuner(model).objective(whole).autoBatchSize(true).run())
          .withMessageContaining("objective of whole batches may compare the examples of a batch");
    }
  }

  private static TrainingListener onStep(Consumer<StepEvent> code) {
    return new TrainingListener() {
      @Override
      public void onStep(StepEvent event) {
        code.accept(event);
      }
    };
  }

  private static NDArray second(NDArray x, NDArray y) {
    return y;
  }
}
