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

  /** Adds the gradient of x to what has arrived, and keeps no result. */
  private static final Kernel SUMMING =
      Kernel.of(SOURCE)
          .derivative(
              "x",
              """
              def scaled(x: Tensor, w: Tensor) -> List[Tensor]:
                  ws = torch.mul(w, {s})
                  return [torch.mul(x, ws), ws]
              """,
              """
              def back(g: Tensor, x: Tensor, kept0: Tensor, sum_x: Tensor) -> Tensor:
                  dx = torch.mul(g, kept0)
                  if torch.numel(sum_x) > 0:
                      dx = torch.add_(sum_x, dx)
                  return dx
              """)
          .cheap(
              Kernel.of(
                  """
                  def again(x: Tensor, kept0: Tensor) -> Tensor:
                      return torch.mul(x, kept0)
                  """))
          .with("s", 3);

  /** Its derivative reads its result twice. */
  private static final Kernel SQUARE =
      Kernel.of(
              """
              def square(x: Tensor) -> Tensor:
                  return torch.mul(x, x)
              """)
          .derivative(
              "x",
              """
              def back(g: Tensor, x: Tensor) -> Tensor:
                  return torch.mul(torch.mul(g, x), 2)
              """)
          .cheap();

  /** Its derivative reads nothing, so that its argument is not kept for it. */
  private static final Kernel FLAT =
      Kernel.of(
              """
              def twice(x: Tensor) -> Tensor:
                  return torch.mul(x, 2)
              """)
          .derivative(
              "x",
              """
              def back(g: Tensor) -> Tensor:
                  return torch.mul(g, 2)
              """)
          .cheap();

  /** The gradient is that of the result, in the same memory. */
  private static final Kernel VIEW =
      Kernel.of(
              """
              def same(x: Tensor) -> Tensor:
                  return torch.mul(x, 1)
              """)
          .derivative(
              "x",
              """
              def back(g: Tensor) -> Tensor:
                  return torch.view(g, torch.size(g))
              """);

  private static final Kernel VIEW_BY_GRAPH =
      Kernel.of(
          """
          def same(x: Tensor) -> Tensor:
              return torch.reshape(x, [2, 2])
          """);

  private static final Kernel FLATTEN =
      Kernel.of(
          """
          def flat(x: Tensor) -> Tensor:
              return torch.reshape(x, [-1])
          """);

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
    try {
      return new float[][] {gradient(w), gradient(first)};
    } finally {
      assertThat(Tensors.live() - before).as("arrays that are left").isLessThanOrEqualTo(2);
      first.close();
    }
  }

  private static float[] gradient(NDArray leaf) {
    try (NDArray gradient = Autograd.gradient(leaf)) {
      return gradient == null ? new float[0] : gradient.toFloatArray();
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
  void sumsOfOneShapePassTheGradientOn() {
    agree(x -> Ops.add(Ops.add(x, x), Ops.add(SCALED.call(x, w), x)));
    agree(x -> Ops.add(x, v));
  }

  @Test
  void gradientsOfASharedInputAddUpInPlace() {
    agree(
        x -> {
          NDArray y = SCALED.call(x, w);
          return Ops.add(SUMMING.call(y, v), Ops.add(SUMMING.call(y, v), SUMMING.call(y, v)));
        });
  }

  @Test
  void noGradientIsWrittenToWhileAnotherHasItsMemory() {
    agree( // the terms of a sum hold one gradient, and p's gets another part
        x -> {
          NDArray q = SUMMING.call(x, v);
          NDArray p = SUMMING.call(x, v);
          NDArray r = SUMMING.call(p, v);
          return SUMMING.call(Ops.add(Ops.add(p, q), r), v);
        });
    agree( // the gradient before a view has the memory of p's
        x -> {
          NDArray p = SUMMING.call(x, v);
          NDArray q = SUMMING.call(x, v);
          NDArray r = SUMMING.call(p, v);
          NDArray sum = Ops.add(p, VIEW.call(q));
          return Ops.add(SUMMING.call(sum, v), SUMMING.call(r, v));
        });
    agree( // and of PyTorch's graph nobody knows
        x -> {
          NDArray p = SUMMING.call(x, v);
          NDArray q = SUMMING.call(x, v);
          NDArray r = SUMMING.call(p, v);
          NDArray sum = Ops.add(p, FLATTEN.call(VIEW_BY_GRAPH.call(q)));
          return Ops.add(SUMMING.call(sum, v), SUMMING.call(r, v));
        });
  }

  @Test
  void resultsOfCheapKernelsAreComputedAgain() {
    agree(x -> SQUARE.call(SQUARE.call(SQUARE.call(x))));
    agree(x -> SCALED.call(SUMMING.call(SQUARE.call(x), v), w));
    agree(
        x -> {
          NDArray y = SQUARE.call(x);
          SQUARE.call(y); // whose gradient nobody asks for
          return Ops.add(SCALED.call(y, w), SQUARE.call(SQUARE.call(y)));
        });
    agree(x -> SQUARE.call(Scope.keeping(x, () -> SQUARE.call(SQUARE.call(x)))));
  }

  @Test
  void resultsOfCheapKernelsNeedNoMemory() {
    // SUMMING reads its argument of 400 numbers, and keeps 4
    assertThat(bytesKept(x -> SUMMING.call(VIEW.call(x), v))).isEqualTo(4 * 404);
    assertThat(bytesKept(x -> SUMMING.call(SUMMING.call(SUMMING.call(VIEW.call(x), v), v), v)))
        .isEqualTo(4 * 412);
    // the graph reads it too, and SQUARE's result is as large as its argument
    assertThat(bytesKept(x -> SQUARE.call(SQUARE.call(GRAPH.call(x, v))))).isEqualTo(4 * 400);
    assertThat(bytesKept(x -> SUMMING.call(FLAT.call(VIEW.call(x)), v))).isEqualTo(4 * 404);
  }

  @Test
  void resultsOfCheapKernelsNeedNoMemoryInBfloat16() {
    NDArray u = Tensors.cast(v, Precision.BFLOAT16);
    long kept =
        bytesKept(
            Precision.BFLOAT16,
            x -> SUMMING.call(SUMMING.call(SUMMING.call(VIEW.call(x), u), u), u));
    assertThat(kept).isEqualTo(2 * 412);
  }

  private long bytesKept(UnaryOperator<NDArray> code) {
    return bytesKept(Precision.FLOAT32, code);
  }

  private long bytesKept(Precision precision, UnaryOperator<NDArray> code) {
    Operations operations = new Operations(true);
    try (NDArray ones = manager.ones(new Shape(100, 4));
        NDArray x = Tensors.cast(ones, precision);
        NDArray end = operations.record(x, () -> code.apply(x))) {
      assertThat(end.getShape()).isEqualTo(x.getShape());
      return operations.bytesKept();
    } finally {
      operations.discard();
    }
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
