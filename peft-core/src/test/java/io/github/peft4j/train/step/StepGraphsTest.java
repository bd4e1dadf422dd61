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
import io.github.peft4j.quantization.bitsandbytes.Nf4;
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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

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
    return model(device, false);
  }

  private PeftModel model(Device device, boolean fourBits) {
    Peft.Loader loader = Peft.from(folder).device(device);
    if (fourBits) {
      loader.quantize(Nf4.doubleQuantized());
    }
    return loader.load().adapt(ToyConfig.of(1, 0.01f).targetModules("all-linear"));
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

  /** What is recorded: all that a step does to the activations, with weights as they are or not. */
  enum Steps {
    KEPT(Activations.KEPT, false),
    RECOMPUTED(Activations.RECOMPUTED, false),
    KEPT_IN_FOUR_BITS(Activations.KEPT, true),
    RECOMPUTED_IN_FOUR_BITS(Activations.RECOMPUTED, true);

    private final Activations activations;
    private final boolean fourBits;

    Steps(Activations activations, boolean fourBits) {
      this.activations = activations;
      this.fourBits = fourBits;
    }
  }

  /** Losses, and the sum of the gradients. */
  private record Computed(List<Double> losses, List<float[]> gradients, int graphs) {}

  private Computed compute(Steps kind, Device device, String graphs, int steps) {
    System.setProperty("peft4j.cudaGraphs", graphs);
    Random random = new Random(3);
    List<Double> losses = new ArrayList<>();
    try (PeftModel model = model(device, kind.fourBits);
        Backpropagation passes = new Backpropagation(model, kind.activations)) {
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
  @ParameterizedTest
  @EnumSource
  void recordedStepsComputeWhatOthersCompute(Steps kind) {
    assumeGraphs();
    Computed plain = compute(kind, Device.gpu(), "false", 60);
    Computed recorded = compute(kind, Device.gpu(), "always", 60);
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

  @ParameterizedTest
  @EnumSource
  void memoryDoesNotGrowWithSteps(Steps kind) {
    assumeGraphs();
    compute(kind, Device.gpu(), "true", 40);
    long before = Tensors.live();
    compute(kind, Device.gpu(), "true", 200);
    assertThat(Tensors.live()).isEqualTo(before);
  }

  /** By default a step is recorded if the host is slower, as with a toy. */
  @Test
  void aStepThatWaitsForTheHostIsRecorded() {
    assumeGraphs();
    assertThat(compute(Steps.KEPT, Device.gpu(), "true", 60).graphs()).isGreaterThanOrEqualTo(3);
    assertThat(compute(Steps.RECOMPUTED, Device.gpu(), "true", 60).graphs())
        .isGreaterThanOrEqualTo(3);
  }

  /** After that, steps run as ever, and compute the same. */
  @Test
  void graphsCanBeGivenUp() {
    assumeGraphs();
    System.setProperty("peft4j.cudaGraphs", "always");
    try (PeftModel model = model(Device.gpu());
        Backpropagation passes = new Backpropagation(model, Activations.RECOMPUTED);
        Scope scope = new Scope()) {
      Rows rows = Rows.draw(new Random(3), 3, 16);
      ModelInput input = ModelInput.of(model.base().manager(), rows.ids(), rows.mask());
      LossTargets targets = new LossTargets.NextTokens(rows.labels());
      double first = passes.run(input, targets, 1, 0);
      passes.run(input, targets, 1, 1);
      assertThat(passes.run(input, targets, 1, 2)).isCloseTo(first, within(1e-4 * first));
      assertThat(passes.graphs()).isEqualTo(1);
      assertThat(passes.giveGraphsUp()).isTrue();
      assertThat(passes.run(input, targets, 1, 3)).isCloseTo(first, within(1e-4 * first));
      assertThat(passes.graphs()).isZero();
      assertThat(passes.giveGraphsUp()).isFalse();
    }
  }

  @ParameterizedTest
  @EnumSource
  void onACpuNothingIsRecorded(Steps kind) {
    Computed computed = compute(kind, Device.cpu(), "always", 6);
    assertThat(computed.graphs()).isZero();
    assertThat(computed.losses()).allMatch(loss -> loss > 0);
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
