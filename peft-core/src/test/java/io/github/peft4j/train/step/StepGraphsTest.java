package io.github.peft4j.train.step;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.PyTorch;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.kernel.cuda.CudaGraph;
import io.github.peft4j.toy.TinyLlama;
import io.github.peft4j.toy.ToyConfig;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.head.PlacedLabels;
import io.github.peft4j.transformer.loss.CrossEntropy;
import io.github.peft4j.transformer.loss.LabelLoss;
import io.github.peft4j.transformer.loss.SquaredError;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.tuner.Trainable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Steps as CUDA graphs. What needs a GPU is skipped without one. */
class StepGraphsTest {

  private static final long NONE = LossTargets.IGNORED;

  @TempDir Path folder;

  @BeforeEach
  void writeTheModel() throws IOException {
    TinyLlama.write(folder);
  }

  @AfterEach
  void forgetTheProperty() {
    System.clearProperty("peft4j.cudaGraphs");
  }

  private PeftModel model(Device device) {
    return Peft.from(folder)
        .device(device)
        .load()
        .adapt(ToyConfig.of(1, 0.01f).targetModules("all-linear"));
  }

  private static void assumeGraphs() {
    assumeTrue(
        PyTorch.engine().getGpuCount() > 0 && CudaGraph.isAvailable(),
        "SKIPPED: there is no CUDA GPU, so no step can be recorded as a CUDA graph");
  }

  /** Rows of random ids and lengths, padded on the right. */
  private record Rows(long[][] ids, long[][] mask, long[][] labels) {

    static Rows draw(Random random, int batch, int width) {
      long[][] ids = new long[batch][width];
      long[][] mask = new long[batch][width];
      long[][] labels = new long[batch][width];
      for (int b = 0; b < batch; b++) {
        int length = b == 0 ? width : 2 + random.nextInt(width - 1);
        Arrays.fill(labels[b], NONE);
        for (int t = 0; t < length; t++) {
          ids[b][t] = 3L + random.nextInt(200);
          mask[b][t] = 1;
          labels[b][t] = random.nextInt(4) == 0 ? NONE : ids[b][t];
        }
        labels[b][1] = ids[b][1];
      }
      return new Rows(ids, mask, labels);
    }
  }

  /** Losses, and the sum of the gradients. */
  private record Computed(List<Double> losses, List<float[]> gradients, int graphs) {}

  private Computed compute(Device device, String graphs, int steps) {
    System.setProperty("peft4j.cudaGraphs", graphs);
    Random random = new Random(3);
    List<Double> losses = new ArrayList<>();
    try (PeftModel model = model(device);
        Backpropagation passes = new Backpropagation(model, Activations.KEPT)) {
      for (int i = 0; i < steps; i++) {
        int width = 8 * (1 + i % 3);
        Rows rows = Rows.draw(random, 3, width);
        try (Scope scope = new Scope()) {
          ModelInput input = ModelInput.of(model.base().manager(), rows.ids(), rows.mask());
          LossTargets targets = new LossTargets.NextTokens(rows.labels());
          losses.add(passes.run(input, targets, 0.5 / (1 + i), i));
        }
      }
      List<float[]> gradients = new ArrayList<>();
      for (Trainable tensor : model.trainables()) {
        try (NDArray gradient = Objects.requireNonNull(Autograd.gradient(tensor.value()))) {
          gradients.add(Tensors.floats(gradient));
        }
      }
      return new Computed(losses, gradients, passes.graphs());
    }
  }

  /** Lengths, labels and the scale differ from batch to batch of the same shape. */
  @Test
  void recordedStepsComputeWhatOthersCompute() {
    assumeGraphs();
    Computed plain = compute(Device.gpu(), "false", 60);
    Computed recorded = compute(Device.gpu(), "true", 60);
    assertThat(plain.graphs()).isZero();
    assertThat(recorded.graphs()).isGreaterThanOrEqualTo(3);
    for (int i = 0; i < plain.losses().size(); i++) {
      double expected = plain.losses().get(i);
      assertThat(recorded.losses().get(i)).isCloseTo(expected, within(1e-4 * expected));
    }
    for (int i = 0; i < plain.gradients().size(); i++) {
      float[] expected = plain.gradients().get(i);
      assertThat(recorded.gradients().get(i))
          .containsExactly(expected, within(1e-4f * Math.abs(expected[0])));
    }
  }

  @Test
  void memoryDoesNotGrowWithSteps() {
    assumeGraphs();
    compute(Device.gpu(), "true", 40);
    long before = Tensors.live();
    compute(Device.gpu(), "true", 200);
    assertThat(Tensors.live()).isEqualTo(before);
  }

  @Test
  void onACpuNothingIsRecorded() {
    assertThat(compute(Device.cpu(), "true", 20).graphs()).isZero();
  }

  /** What a causal model computes for padding behind the tokens changes no loss. */
  @Test
  void paddingBehindTheTokensNeedsNoMask() {
    try (PeftModel model = model(Device.cpu());
        Scope scope = new Scope()) {
      Rows rows = Rows.draw(new Random(4), 3, 12);
      LossTargets targets = new LossTargets.NextTokens(rows.labels());
      ModelInput known = ModelInput.of(model.base().manager(), rows.ids(), rows.mask());
      NDArray mask = Objects.requireNonNull(known.mask());
      ModelInput unknown = new ModelInput(known.ids(), mask, null, null);
      assertThat(known.rightPadded()).isTrue();
      assertThat(unknown.rightPadded()).isFalse();
      Backpropagation passes = new Backpropagation(model, Activations.KEPT);
      double expected = passes.run(unknown, targets, 1, 0);
      assertThat(passes.run(known, targets, 1, 0)).isCloseTo(expected, within(1e-5 * expected));
    }
  }

  private StepInputs inputs(PeftModel model, Rows rows, LossTargets targets, LabelLoss loss) {
    try (ModelCall call = model.newCall()) {
      ModelInput input = ModelInput.of(model.base().manager(), rows.ids(), rows.mask());
      return StepInputs.of(call, input, targets, loss, model.base().manager().create(2.0));
    }
  }

  @Test
  void theNumberOfLabelsIsRoundedUpIfTheLossIgnoresTheRest() {
    try (PeftModel model = model(Device.cpu());
        Scope scope = new Scope()) {
      Rows rows = Rows.draw(new Random(4), 2, 16);
      long[][] labels = new long[2][16];
      for (long[] row : labels) {
        Arrays.fill(row, NONE);
        Arrays.fill(row, 1, 6, 7);
      }
      LossTargets targets = new LossTargets.NextTokens(labels);
      PlacedLabels ten = inputs(model, rows, targets, CrossEntropy.PLAIN).labels();
      assertThat(ten.size()).isEqualTo(16); // half of 32 outputs
      assertThat(Arrays.stream(ten.targets().toLongArray()).filter(t -> t == NONE)).hasSize(6);
      assertThat(inputs(model, rows, targets, new SquaredError()).labels().size()).isEqualTo(10);

      labels[0][6] = 1_000_000;
      assertThatThrownBy(() -> inputs(model, rows, targets, CrossEntropy.PLAIN))
          .hasMessageContaining("label 1000000 in row 0, column 6 is out of range");
    }
  }

  @Test
  void inputsTakeTheValuesOfOthersOfTheirShapes() {
    try (PeftModel model = model(Device.cpu());
        Scope scope = new Scope()) {
      Random random = new Random(4);
      Rows one = Rows.draw(random, 2, 16);
      Rows two = new Rows(one.mask(), one.mask(), one.labels());
      LossTargets targets = new LossTargets.NextTokens(one.labels());
      StepInputs first = inputs(model, one, targets, CrossEntropy.PLAIN);
      StepInputs copy = first.copy();
      StepInputs second = inputs(model, two, targets, CrossEntropy.PLAIN);
      assertThat(copy.shapes()).isEqualTo(second.shapes());
      copy.load(second);
      assertThat(copy.input().ids().toLongArray())
          .isEqualTo(second.input().ids().toLongArray())
          .isNotEqualTo(first.input().ids().toLongArray());
      copy.close();

      Rows wider = Rows.draw(random, 2, 24);
      LossTargets ofWider = new LossTargets.NextTokens(wider.labels());
      assertThat(inputs(model, wider, ofWider, CrossEntropy.PLAIN).shapes())
          .isNotEqualTo(first.shapes());
    }
  }
}
