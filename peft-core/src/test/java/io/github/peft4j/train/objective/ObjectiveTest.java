package io.github.peft4j.train.objective;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.toy.TinyLlama;
import io.github.peft4j.toy.ToyConfig;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.loss.CrossEntropy;
import io.github.peft4j.transformer.loss.LabelLoss;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.Trainable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Objectives of several kinds: their values and gradients against the plain loss and differences.
 */
class ObjectiveTest {

  private static final long[][] IDS = {
    {1, 5, 7, 9, 30}, {1, 8, 6, 4, 0}, {1, 5, 7, 20, 21}, {1, 8, 6, 60, 61}
  };
  private static final long[][] MASK = {
    {1, 1, 1, 1, 1}, {1, 1, 1, 1, 0}, {1, 1, 1, 1, 1}, {1, 1, 1, 1, 1}
  };
  private static final long[][] LABELS = {
    {-100, -100, 7, 9, 30},
    {-100, -100, -100, 4, -100},
    {-100, -100, 7, 20, 21},
    {-100, 8, 6, 60, 61}
  };

  @TempDir static Path folder;

  private PeftModel model;

  @BeforeEach
  void load() throws IOException {
    TinyLlama.write(folder);
    model = toy(1.1, 0.02);
  }

  private static PeftModel toy(double scale, double shift) {
    return Peft.from(folder.toString())
        .precision(Precision.FLOAT64)
        .load()
        .adapt(ToyConfig.of(scale, shift).targetModules("all-linear"));
  }

  @AfterEach
  void close() {
    model.close();
  }

  private ModelInput input() {
    return ModelInput.of(model.base().manager(), IDS, MASK);
  }

  private List<Trainable> tensors() {
    return model.trainables();
  }

  private record Computed(double loss, Map<String, Double> reported, List<float[]> gradients) {}

  private Computed compute(Objective objective) {
    LossTargets targets = new LossTargets.NextTokens(LABELS);
    Backpropagation.Result result;
    try (Scope scope = new Scope()) {
      result =
          new Backpropagation(model, Activations.RECOMPUTED)
              .run(objective, input(), targets, 0.5, 7);
    }
    List<float[]> gradients = new ArrayList<>();
    for (Trainable tensor : tensors()) {
      try (NDArray gradient = Objects.requireNonNull(Autograd.gradient(tensor.value()))) {
        gradients.add(Tensors.floats(gradient));
      }
      tensor.clearGradient();
    }
    return new Computed(result.loss(), result.reported(), gradients);
  }

  /** The loss alone, as in an evaluation. */
  private double value(Objective objective) {
    try (ModelCall call = model.newCall();
        Scope scope = new Scope();
        Pass pass = call.pass()) {
      ModelInput input = input();
      NDArray hidden =
          Autograd.without(() -> call.model().hidden(input.repeat(objective.copies()), pass));
      LossTargets targets = new LossTargets.NextTokens(LABELS);
      try (ModelRun run =
          new ModelRun(call.model(), input, targets, pass, hidden, false, 0, objective.copies())) {
        return Autograd.without(() -> run.loss(objective, null).toDoubleArray()[0]);
      }
    }
  }

  private static void assertSame(List<float[]> actual, List<float[]> expected) {
    for (int i = 0; i < expected.size(); i++) {
      for (int k = 0; k < expected.get(i).length; k++) {
        float value = expected.get(i)[k];
        assertThat(actual.get(i)[k]).as("tensor %d", i).isCloseTo(value, within(1e-4f));
      }
    }
  }

  /** The gradients, half of the loss's, against central differences. */
  private void assertDifferences(Objective objective) {
    Computed computed = compute(objective);
    assertThat(computed.loss()).isCloseTo(value(objective), within(1e-4)); // read in 32 bits
    double step = 1e-3; // tensors are in 32 bits
    for (int i = 0; i < tensors().size(); i += 3) {
      NDArray tensor = tensors().get(i).value();
      double before = move(tensor, step);
      double above = value(objective);
      move(tensor, -2 * step);
      double below = value(objective);
      move(tensor, step);
      assertThat(Tensors.floats(tensor)[0]).isCloseTo((float) before, within(1e-6f));
      double gradient = 0.5 * (above - below) / (2 * step);
      assertThat((double) computed.gradients().get(i)[0])
          .as("tensor %d", i)
          .isCloseTo(gradient, within(2e-3 * (1 + Math.abs(gradient))));
    }
  }

  private static double move(NDArray tensor, double by) {
    float before = Tensors.floats(tensor)[0];
    Autograd.without(() -> tensor.addi(by));
    return before;
  }

  @Test
  void aSumOfLossesIsThePlainLossWhetherItIsKnownOrNot() {
    Objective known = Objective.of(CrossEntropy.PLAIN);
    LabelLoss own =
        (logits, labels) -> {
          NDArray logs = logits.logSoftmax(-1);
          return logs.gather(labels.expandDims(1), 1).squeeze(1).neg();
        };
    Objective unknown = outputs -> outputs.sum(own);
    Computed plain = compute(known);
    assertThat(plain.loss()).isCloseTo(value(known), within(1e-4)); // read in 32 bits
    assertThat(compute(Objective.of(own)).loss()).isCloseTo(plain.loss(), within(1e-9));
    Computed computed = compute(unknown);
    assertThat(computed.loss()).isCloseTo(plain.loss(), within(1e-9));
    assertSame(computed.gradients(), plain.gradients());
    assertDifferences(unknown);
  }

  @Test
  void rowsThatBelongTogether() {
    // Direct preference optimisation: the first two rows are chosen, the others rejected.
    Objective preference =
        outputs -> {
          NDArray gain = outputs.logProbabilities().sub(outputs.reference().logProbabilities());
          NDArray margin = gain.get("0:2").sub(gain.get("2:4"));
          outputs.report("margin", margin.sum());
          return margin.mul(0.3).neg().exp().add(1).log().sum();
        };
    Computed computed = compute(preference);
    assertThat(computed.reported()).containsOnlyKeys("margin");
    assertThat(computed.reported().get("margin")).isNotZero();
    assertDifferences(preference);
  }

  @Test
  void aTeacher() {
    try (PeftModel teacher = toy(0.7, -0.01)) {
      Objective distillation =
          student ->
              student.sum(
                  student.by(teacher),
                  (logits, taught, labels) ->
                      taught
                          .div(2)
                          .softmax(-1)
                          .mul(logits.div(2).logSoftmax(-1))
                          .sum(new int[] {-1})
                          .mul(-4));
      assertDifferences(distillation);
    }
  }

  @Test
  void twoCopiesOfABatch() {
    Objective twice =
        new Objective() {
          @Override
          public NDArray loss(Outputs outputs) {
            return outputs
                .copy(0)
                .sum(outputs.copy(1), (p, q, labels) -> p.mul(q).mean(new int[] {-1}));
          }

          @Override
          public int copies() {
            return 2;
          }
        };
    assertDifferences(twice);
    assertThatThrownBy(() -> compute(outputs -> outputs.copy(1).sum(CrossEntropy.PLAIN)))
        .hasMessage("there is no copy 1: the objective's copies() are 1");
  }

  @Test
  void labelsOfEachRow() {
    assertThat(
            value(
                outputs -> {
                  assertThat(outputs.labels()).containsExactly(3, 1, 3, 4);
                  assertThat(outputs.rows()).isEqualTo(4);
                  return outputs.sumByRow(CrossEntropy.PLAIN).sum();
                }))
        .isCloseTo(value(Objective.of(CrossEntropy.PLAIN)), within(1e-9));
  }

  @Test
  void anObjectiveOfAnotherShapeIsRefused() {
    assertThatThrownBy(() -> compute(outputs -> outputs.losses(CrossEntropy.PLAIN)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("of shape (11); expected a scalar, the sum over the batch");
  }

  @Test
  void nothingIsLeftInNativeMemory() {
    Objective preference =
        outputs ->
            outputs.logProbabilities().sub(outputs.reference().logProbabilities()).square().sum();
    compute(preference);
    long before = Tensors.live();
    for (int i = 0; i < 5; i++) {
      compute(preference);
    }
    assertThat(Tensors.live()).isEqualTo(before);
  }
}
