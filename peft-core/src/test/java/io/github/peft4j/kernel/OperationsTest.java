package io.github.peft4j.kernel;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class OperationsTest {

  private static final String SOURCE =
      """
      def scaled(x: Tensor, w: Tensor) -> Tensor:
          return torch.mul(torch.mul(x, w), {s})
      """;

  /** By x alone, and by both with w's gradient added in place. */
  private static final Kernel SCALED =
      Kernel.of(SOURCE)
          .derivative(
              "x",
              """
              def back(g: Tensor, w: Tensor) -> Tensor:
                  return torch.mul(torch.mul(g, w), {s})
              """)
          .derivative(
              "x",
              """
              def scaled(x: Tensor, w: Tensor) -> List[Tensor]:
                  return [torch.mul(torch.mul(x, w), {s}), torch.mul(x, {s})]
              """,
              """
              def back(g: Tensor, w: Tensor, kept0: Tensor, into_w: Tensor) -> Tensor:
                  torch.addcmul_(into_w, g, kept0)
                  return torch.mul(torch.mul(g, w), {s})
              """)
          .with("s", 3);

  private static final Kernel GRAPH = Kernel.of(SOURCE).with("s", 3);
  private static final Kernel HALVES =
      Kernel.of(
          """
          def halves(x: Tensor) -> List[Tensor]:
              return torch.chunk(x, 2, -1)
          """);

  private final NDManager manager = Tensors.newManager(Tensors.engineManager().getDevice());
  private final NDArray w = manager.create(new float[] {2, 3, 4, 5});
  private final NDArray v = manager.create(new float[] {7, 6, 5, 4});

  @BeforeEach
  void train() {
    w.setRequiresGradient(true);
  }

  @AfterEach
  void close() {
    manager.close();
  }

  /** The gradients of w and of the segment's input, by kernels or by PyTorch's graph. */
  private float[][] gradients(boolean byKernels, boolean recompute, UnaryOperator<NDArray> code) {
    w.setRequiresGradient(true);
    Autograd.clearGradient(w);
    NDArray first = manager.create(new float[] {1, -1, 2, 1});
    first.setRequiresGradient(true);
    long before = Tensors.live();
    Tape.Recording tape = recompute ? Tape.recomputing(1) : Tape.recording(1);
    NDArray start = tape.source(() -> Ops.add(first, v));
    NDArray end =
        byKernels ? tape.segmentOfKernels(start, true, code) : tape.segment(start, true, code);
    NDArray one = manager.ones(end.getShape());
    tape.backward(end, one);
    try (NDArray ofW = requireNonNull(Autograd.gradient(w));
        NDArray ofFirst = requireNonNull(Autograd.gradient(first))) {
      float[][] gradients = {ofW.toFloatArray(), ofFirst.toFloatArray()};
      return gradients;
    } finally {
      assertThat(Tensors.live() - before).as("arrays that are left").isLessThanOrEqualTo(2);
      first.close();
    }
  }

  private void agree(UnaryOperator<NDArray> code) {
    float[][] graph = gradients(false, false, code);
    assertThat(gradients(true, false, code)).isDeepEqualTo(graph);
    assertThat(gradients(true, true, code)).isDeepEqualTo(graph);
  }

  @Test
  void aDerivativeIsChosenByWhatNeedsAGradient() {
    assertThat(requireNonNull(SCALED.derivativeOf(List.of(0))).arguments()).hasSize(2);
    assertThat(requireNonNull(SCALED.derivativeOf(List.of(0, 1))).arguments()).hasSize(4);
    assertThat(GRAPH.derivativeOf(List.of(0))).isNull();
  }

  @Test
  void gradientsOfParametersAndInputsAreAdded() {
    agree(x -> SCALED.call(SCALED.call(x, w), w));
    agree(x -> Ops.add(SCALED.call(x, w), SCALED.call(x, v)));
  }

  @Test
  void aKernelWithoutADerivativeHasAGraph() {
    agree(x -> GRAPH.call(SCALED.call(GRAPH.call(x, w), w), v));
  }

  @Test
  void resultsMayBeReadTwiceOrNotAtAll() {
    agree(
        x -> {
          NDArray y = SCALED.call(x, w);
          SCALED.call(y, v);
          GRAPH.call(y, w);
          return Ops.add(y, SCALED.call(y, w));
        });
  }

  @Test
  void aKernelMayHaveSeveralResults() {
    agree(
        x -> {
          NDList halves = HALVES.callForAll(SCALED.call(x, w));
          return Ops.add(halves.get(0), Ops.add(halves.get(1), halves.get(1)));
        });
  }

  @Test
  void listsHaveGradients() {
    agree(x -> Ops.concatenate(List.of(SCALED.call(x, w), x, GRAPH.call(x, w))));
  }

  @Test
  void inputsMayBeClosedBeforeTheBackwardPass() {
    agree(x -> Scope.keeping(x, () -> SCALED.call(SCALED.call(x, w), w)));
  }

  @Test
  void sumsAreBroadcast() {
    agree(x -> Ops.add(SCALED.call(x, w), SCALED.call(x, w).getManager().ones(new Shape(3, 4))));
  }

  @Test
  void codeWithoutGradientsIsConstant() {
    agree(x -> Ops.add(SCALED.call(x, w), Autograd.without(() -> SCALED.call(x, w))));
  }

  @Test
  void aTensorThatIsComputedOutsideOfKernelsIsRefused() {
    String before = System.getProperty("peft4j.derivatives", "");
    System.setProperty("peft4j.derivatives", "checked");
    try {
      assertThatThrownBy(
              () -> gradients(true, false, x -> SCALED.call(SCALED.call(x, w).mul(2), w)))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("shape (4)")
          .hasMessageContaining("compute it with a Kernel");
    } finally {
      System.setProperty("peft4j.derivatives", before);
    }
  }

  @Test
  void aDerivativeNamesParameters() {
    assertThatThrownBy(
            () -> GRAPH.derivative("y", "def back(g: Tensor) -> Tensor:\n    return g\n"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("a derivative names 'y', and the kernel has the parameters [x, w]");
  }
}
