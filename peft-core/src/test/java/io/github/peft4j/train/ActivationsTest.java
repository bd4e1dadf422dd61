package io.github.peft4j.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.Examples;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.toy.Tapes;
import io.github.peft4j.toy.TinyLlama;
import io.github.peft4j.toy.ToyConfig;
import io.github.peft4j.toy.ToyLayer;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.tuner.Trainable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What is done with activations changes no result, and leaves nothing behind. */
class ActivationsTest {

  private static final long[][] IDS = {{1, 5, 9, 40, 41, 7, 12}, {1, 6, 3, 44, 52, 7, 99}};

  @TempDir Path folder;
  @TempDir Path runs;

  @BeforeEach
  void writeTheModel() throws IOException {
    TinyLlama.write(folder);
    ToyLayer.kernels = true;
  }

  @AfterEach
  void repair() {
    ToyLayer.kernels = false;
    ToyLayer.tamper = (x, y) -> y;
  }

  /** On the CPU: the store of {@link Tapes} is there. */
  private PeftModel model() {
    return adapted(Peft.from(folder).device(Device.cpu()));
  }

  private static PeftModel adapted(Peft.Loader loader) {
    return loader
        .precision(Precision.FLOAT32)
        .load()
        .adapt(ToyConfig.of(1, 0).targetModules("all-linear"));
  }

  private static FineTuner tuner(PeftModel model, Activations activations) {
    return FineTuner.of(model)
        .on(Examples.of(TinyLlama.EXAMPLES))
        .batchSize(2)
        .steps(8)
        .learningRate(1e-2)
        .constant()
        .activations(activations)
        .quiet();
  }

  @ParameterizedTest
  @EnumSource
  void aRunLearnsTheSameAndMayGoOnInAnotherWay(Activations activations) {
    TrainingReport kept;
    try (PeftModel model = adapted(Peft.from(folder))) {
      kept = tuner(model, Activations.KEPT).run();
    }
    try (PeftModel model = adapted(Peft.from(folder))) {
      tuner(model, Activations.KEPT).steps(3).checkpointTo(runs).run();
    }
    try (PeftModel model = adapted(Peft.from(folder))) {
      TrainingReport report = tuner(model, activations).checkpointTo(runs).run();
      assertThat(report.steps()).isEqualTo(8);
      for (int i = 0; i < 8; i++) {
        assertThat(report.losses().get(i)).isCloseTo(kept.losses().get(i), within(1e-5));
      }
    }
  }

  private static double step(PeftModel model, Tapes tapes) {
    LossTargets targets = new LossTargets.NextTokens(IDS);
    ModelInput input = ModelInput.of(model.base().manager(), IDS, null);
    try {
      return new Backpropagation(model, tapes).run(input, targets, 1, 3);
    } finally {
      input.close();
    }
  }

  @ParameterizedTest
  @EnumSource
  void aHundredStepsLeaveNothing(Tapes tapes) {
    try (PeftModel model = model()) {
      double loss = step(model, Tapes.KEPT);
      step(model, tapes);
      long live = Tensors.live();
      for (int i = 0; i < 100; i++) {
        assertThat(step(model, tapes)).isCloseTo(loss, within(1e-4));
      }
      assertThat(Tensors.live()).isEqualTo(live);
    }
  }

  /** At each layer in turn, 14 in the forward pass and 14 or more in the backward pass. */
  @ParameterizedTest
  @EnumSource
  void aPassThatFailsLeavesNothing(Tapes tapes) {
    try (PeftModel model = model()) {
      step(model, tapes);
      float[] expected = gradient(model);
      long live = Tensors.live();
      AtomicInteger calls = new AtomicInteger();
      ToyLayer.tamper =
          (x, y) -> {
            calls.incrementAndGet();
            return y;
          };
      step(model, tapes);
      int all = calls.get();
      for (int failing = 1; failing <= all; failing++) {
        int last = failing;
        calls.set(0);
        ToyLayer.tamper = (x, y) -> calls.incrementAndGet() == last ? fail() : y;
        assertThatThrownBy(() -> step(model, tapes)).hasMessage("in the middle");
        assertThat(Tensors.live()).as("failure at layer %d of %d", failing, all).isEqualTo(live);
      }
      ToyLayer.tamper = (x, y) -> y;
      gradient(model);
      step(model, tapes);
      assertThat(gradient(model)).containsExactly(expected, within(1e-5f));
    }
  }

  private static NDArray fail() {
    throw new IllegalStateException("in the middle");
  }

  /** The gradient of the first tensor; clears all. */
  private static float[] gradient(PeftModel model) {
    List<Trainable> tensors = model.adapter(PeftModel.DEFAULT).trainables();
    try (NDArray gradient = Autograd.gradient(tensors.get(0).value())) {
      return gradient == null ? new float[0] : Tensors.floats(gradient);
    } finally {
      tensors.forEach(Trainable::clearGradient);
    }
  }

  @Test
  void recomputingIsTheSameToTheLastBit() {
    try (PeftModel model = model()) {
      step(model, Tapes.KEPT);
      float[] kept = gradient(model);
      for (Tapes tapes : List.of(Tapes.RECOMPUTED, Tapes.MOVED)) {
        step(model, tapes);
        assertThat(gradient(model)).as("%s", tapes).isEqualTo(kept);
      }
    }
  }
}
