package io.github.peft4j.transformer.loss;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Tensors;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Losses and gradients against those of PyTorch's functions, computed in Python in 64 bits. */
class LossesTest {

  private static final double[] LOGITS = {0.5, -1, 2, 1.5, 0.25, -0.75, 0, 0.1, 0.2};
  private static final long[] LABELS = {2, 0, 1};
  private static final List<Double> WEIGHTS = List.of(0.5, 2.0, 1.25);

  private final NDManager manager = Tensors.newManager(Device.cpu());

  @AfterEach
  void close() {
    manager.close();
  }

  private record Result(double mean, double[] gradient) {}

  /** Sum of losses divided by the sum of units, with its gradient. */
  private Result mean(LabelLoss loss, NDArray targets, double units) {
    NDArray leaf = Autograd.leaf(manager.create(LOGITS, new Shape(3, 3)));
    NDArray sum = Autograd.record(true, () -> Losses.of(loss, leaf, targets).sum());
    Autograd.backward(sum, Tensors.onesLike(sum).div(units));
    NDArray gradient = java.util.Objects.requireNonNull(Autograd.gradient(leaf));
    return new Result(sum.toDoubleArray()[0] / units, gradient.toDoubleArray());
  }

  private Result crossEntropy(CrossEntropy loss) {
    double units = 0;
    for (long label : LABELS) {
      units += loss.units(label);
    }
    return mean(loss, manager.create(LABELS), units);
  }

  @Test
  void crossEntropyWithWeightsAndSmoothing() {
    Result plain = crossEntropy(CrossEntropy.PLAIN);
    assertThat(plain.mean()).isCloseTo(0.5579755847645418, within(1e-12));
    assertThat(plain.gradient()[2]).isCloseTo(-0.07146765513690803, within(1e-12));

    Result smoothed = crossEntropy(CrossEntropy.PLAIN.smoothing(0.1));
    assertThat(smoothed.mean()).isCloseTo(0.6468644736534307, within(1e-12));
    assertThat(smoothed.gradient()[1]).isCloseTo(0.0019264133124513708, within(1e-12));

    Result weighted = crossEntropy(CrossEntropy.PLAIN.weights(WEIGHTS));
    assertThat(weighted.mean()).isCloseTo(0.7122296325289458, within(1e-12));
    assertThat(weighted.gradient()[7]).isCloseTo(-0.3561466701155481, within(1e-12));

    Result both = crossEntropy(CrossEntropy.PLAIN.weights(WEIGHTS).smoothing(0.2));
    assertThat(both.mean()).isCloseTo(0.8944899340871761, within(1e-12));
    assertThat(both.gradient()[8]).isCloseTo(0.158912708992501, within(1e-12));
  }

  @Test
  void valuesOfTexts() {
    double[] values = {1, 0, 1, 0, 0, 1, 1, 1, 0};
    NDArray targets = manager.create(values, new Shape(3, 3));
    assertThat(mean(new BinaryCrossEntropy(), targets, 9).mean())
        .isCloseTo(0.7460192329703229, within(1e-12));
    assertThat(mean(new SquaredError(), targets, 9).mean())
        .isCloseTo(1.0527777777777778, within(1e-12));
  }

  @Test
  void settingsThatMakeNoSenseAreRefused() {
    assertThatThrownBy(() -> CrossEntropy.PLAIN.smoothing(1))
        .hasMessage("labelSmoothing is 1.0, expected in [0, 1)");
    assertThatThrownBy(() -> CrossEntropy.PLAIN.weights(List.of(1.0, -1.0)))
        .hasMessage("classWeights are [1.0, -1.0], expected finite numbers from 0 on");
    assertThatThrownBy(() -> CrossEntropy.PLAIN.weights(List.of(0.0, 0.0)))
        .hasMessageContaining("one above 0");
    assertThatThrownBy(() -> crossEntropy(CrossEntropy.PLAIN.weights(List.of(1.0, 1.0, 1.0, 1.0))))
        .hasMessageContaining("4 numbers, but the model has 3 classes");
    LabelLoss scalar = (logits, targets) -> logits.sum();
    assertThatThrownBy(() -> mean(scalar, manager.create(LABELS), 3))
        .hasMessageContaining("expected (3), one loss for each label");
  }
}
