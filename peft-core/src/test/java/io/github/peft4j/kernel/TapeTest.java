package io.github.peft4j.kernel;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDArray;
import io.github.peft4j.toy.Tapes;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class TapeTest {

  private static final Kernel SELECT =
      Kernel.of(
          """
          def select(x: Tensor, rows: Tensor) -> Tensor:
              return torch.index_select(x, 0, rows)
          """);

  private static NDArray parameter(NDManager manager, float... values) {
    NDArray x = manager.create(values);
    x.setRequiresGradient(true);
    return x;
  }

  @Test
  void aTensorMayBeSharedTwice() {
    try (NDManager manager = Tensors.newManager(Tensors.engineManager().getDevice())) {
      NDArray w = parameter(manager, 2, 3);
      Tape.Recording tape = Tape.recording(1);
      NDArray h = tape.segment(manager.create(new float[] {1, 1}), true, x -> x.mul(w));
      NDArray one = tape.share(h);
      NDArray other = tape.share(h);
      NDArray sum = tape.segment(h, true, x -> x.add(one.mul(10)).add(other.mul(100)));
      tape.backward(sum, manager.create(new float[] {1, 1}));
      assertThat(requireNonNull(Autograd.gradient(w)).toFloatArray()).containsExactly(111, 111);
    }
  }

  @Test
  void nothingIsLeftOfASegmentWhoseOutputNobodyReads() {
    try (NDManager manager = Tensors.newManager(Tensors.engineManager().getDevice())) {
      NDArray w = parameter(manager, 2, 3);
      NDArray x = manager.create(new float[] {1, 1});
      NDArray one = manager.create(new float[] {1, 1});
      long before = Tensors.live();
      Tape.Recording tape = Tape.recording(1);
      NDArray h = tape.segment(x, true, y -> y.mul(w));
      tape.segment(h, true, y -> y.mul(w));
      NDArray end = tape.segment(h, true, y -> y.mul(3));
      tape.backward(end, one.duplicate());
      try (NDArray gradient = requireNonNull(Autograd.gradient(w))) {
        assertThat(gradient.toFloatArray()).containsExactly(3, 3);
      }
      assertThat(Tensors.live()).isEqualTo(before);
    }
  }

  /** The numbers of a segment are closed long before its backward pass reads them. */
  @Test
  void aGraphKeepsNumbersThatAreClosed() {
    try (NDManager manager = Tensors.newManager(Tensors.engineManager().getDevice())) {
      NDArray w = parameter(manager, 2, 3);
      Tape.Recording tape = Tape.recording(1);
      NDArray x = manager.create(new float[] {1});
      NDArray chosen = tape.segment(x, true, y -> SELECT.call(w, Tensors.longs(manager, 1, 1, 0)));
      overwriteFreedBuffers();
      tape.backward(chosen, manager.create(new float[] {1, 1, 1}));
      assertThat(requireNonNull(Autograd.gradient(w)).toFloatArray()).containsExactly(1, 2);
    }
  }

  /** Gradients of w after two segments, the second of which has a reader beside. */
  private static float[] ofTwoReaders(Tape.Recording tape, NDArray w, NDManager manager) {
    Autograd.clearGradient(w);
    try (tape) {
      NDArray x = tape.source(() -> manager.create(new float[] {1, 2}).mul(1));
      NDArray h = tape.segment(x, true, in -> in.mul(w));
      NDArray twice = tape.segment(h, true, in -> in.mul(w).mul(in));
      NDArray other = tape.segment(h, true, in -> in.mul(3)); // reads what is moved already
      NDArray shared = tape.share(other);
      NDArray moved = tape.share(h);
      NDArray first = tape.share(x); // a constant that is moved
      NDArray sum = tape.segment(twice, true, in -> in.mul(w).add(shared).mul(first).add(moved));
      tape.backward(sum, manager.create(new float[] {1, 1}));
    }
    try (NDArray gradient = requireNonNull(Autograd.gradient(w))) {
      return gradient.toFloatArray();
    }
  }

  @Test
  void inputsThatAreMovedComeBackForEachReader() {
    try (NDManager manager = Tensors.newManager(Tensors.engineManager().getDevice())) {
      NDArray w = parameter(manager, 2, 3);
      float[] expected = ofTwoReaders(Tape.recording(1), w, manager);
      for (Tapes tapes : Tapes.values()) {
        long before = Tensors.live();
        assertThat(ofTwoReaders(tapes.apply(1), w, manager)).containsExactly(expected);
        assertThat(Tensors.live() - before).as("%s: arrays that are left", tapes).isLessThan(8);
      }
    }
  }

  /** Counts the copies that are alive. */
  private static final class Counted implements Tape.Store {
    private final List<NDArray> copies = new ArrayList<>();

    @Override
    public NDArray put(NDArray tensor) {
      NDArray copy = tensor.duplicate();
      copies.add(copy);
      return copy;
    }

    @Override
    public NDArray get(NDArray copy, @Nullable NDArray next) {
      assertThat(next == null || alive(next)).isTrue();
      return copy.duplicate();
    }

    private static boolean alive(NDArray copy) {
      return !((PtNDArray) copy).isReleased();
    }

    long alive() {
      return copies.stream().filter(Counted::alive).count();
    }
  }

  @Test
  void eachInputIsMovedOnceAndIsFreedInTheBackwardPassOrAfterAFailure() {
    try (NDManager manager = Tensors.newManager(Tensors.engineManager().getDevice())) {
      NDArray w = parameter(manager, 2, 3);
      NDArray given = manager.create(new float[] {1, 1});
      for (boolean fails : new boolean[] {false, true}) {
        Counted store = new Counted();
        long before = Tensors.live();
        try (Tape.Recording tape = Tape.sparing(1, store, 9)) {
          NDArray h = tape.segment(given, true, in -> in.mul(w));
          for (int i = 0; i < 3; i++) {
            h = tape.segment(h, true, in -> in.mul(w));
          }
          assertThat(store.copies).as("of the caller's there is none").hasSize(3);
          assertThat(store.alive()).isEqualTo(3);
          NDArray last = h;
          NDArray one = manager.ones(h.getShape());
          if (fails) {
            NDArray end =
                tape.segment(h, true, in -> Autograd.isRecording() ? in.mul(fail()) : in.mul(w));
            assertThatThrownBy(() -> tape.backward(end, one)).hasMessage("in the middle");
            assertThat(store.alive()).isPositive();
          } else {
            tape.backward(last, one);
            assertThat(store.alive()).isZero();
          }
        }
        assertThat(store.alive()).isZero();
        assertThat(Tensors.live() - before).isLessThanOrEqualTo(1); // w's gradient
        assertThat(given.toFloatArray()).containsExactly(1, 1);
      }
    }
  }

  private static NDArray fail() {
    throw new IllegalStateException("in the middle");
  }

  private static final Kernel SQUARE =
      Kernel.of(
              """
              def square(x: Tensor, w: Tensor) -> Tensor:
                  return torch.mul(torch.square(x), w)
              """)
          .derivative(
              "x",
              """
              def back(g: Tensor, x: Tensor, w: Tensor, into_w: Tensor) -> Tensor:
                  into_w.add_(torch.sum(torch.mul(g, torch.square(x)), [0, 1]))
                  return torch.mul(torch.mul(g, w), torch.mul(x, 2))
              """);

  /** Gradients of w and x through a segment that ends position by position. */
  private static float[][] ofPositions(
      Tape.Recording tape, NDArray x, NDArray w, UnaryOperator<NDArray> end) {
    Autograd.clearGradient(w);
    try (tape) {
      NDArray begun = tape.source(() -> Ops.add(x, x));
      NDArray y =
          tape.segmentOfKernels(
              begun, true, in -> tape.endByPosition(Ops.add(SQUARE.call(in, w), in), end));
      try (NDArray g = Tensors.onesLike(y)) {
        tape.backward(y, g.mul(y));
      }
    }
    try (NDArray ofW = requireNonNull(Autograd.gradient(w));
        NDArray ofX = requireNonNull(Autograd.gradient(x))) {
      float[][] gradients = {ofW.toFloatArray(), ofX.toFloatArray()};
      Autograd.clearGradient(x);
      return gradients;
    }
  }

  @Test
  void partsOfThePositionsHaveTheGradientsOfTheWhole() {
    try (NDManager manager = Tensors.newManager(Tensors.engineManager().getDevice());
        Scope scope = new Scope()) {
      NDArray w = parameter(manager, 2, 3, -1);
      for (Shape shape : List.of(new Shape(1, 7, 3), new Shape(2, 5, 3), new Shape(4, 1, 3))) {
        NDArray x = manager.arange((float) shape.size()).div(10).reshape(shape).duplicate();
        x.setRequiresGradient(true);
        UnaryOperator<NDArray> end = in -> Ops.add(SQUARE.call(SQUARE.call(in, w), w), in);
        float[][] expected = ofPositions(Tape.recording(1), x, w, end);
        for (int positions : new int[] {1, 2, 3, 5, 9, 100}) {
          float[][] parts = ofPositions(Tape.sparing(1, null, positions), x, w, end);
          for (int i = 0; i < 2; i++) {
            for (int j = 0; j < expected[i].length; j++) {
              float e = expected[i][j];
              assertThat(parts[i][j])
                  .as("%s, %d at once", shape, positions)
                  .isCloseTo(e, within(1e-5f * Math.max(1, Math.abs(e))));
            }
          }
        }
      }
    }
  }

  @Test
  void whatIsSaidToBeTheEndMustBe() {
    try (NDManager manager = Tensors.newManager(Tensors.engineManager().getDevice())) {
      NDArray w = parameter(manager, 2);
      NDArray x = manager.ones(new Shape(1, 4, 1));
      try (Tape.Recording tape = Tape.sparing(1, null, 2)) {
        NDArray y =
            tape.segmentOfKernels(
                x,
                true,
                in -> SQUARE.call(tape.endByPosition(in, some -> SQUARE.call(some, w)), w));
        assertThatThrownBy(() -> tape.backward(y, Tensors.onesLike(y)))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("said to be the output of its segment");
      }
      assertThatThrownBy(() -> Tape.sparing(1, null, 0)).hasMessageContaining("positions is 0");
    }
  }

  private static void overwriteFreedBuffers() {
    List<ByteBuffer> buffers = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      System.gc();
      try {
        Thread.sleep(20); // the cleaner's thread frees buffers
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
      for (int j = 0; j < 5_000; j++) {
        ByteBuffer buffer = ByteBuffer.allocateDirect(24);
        buffer.putLong(-7).putLong(-7).putLong(-7);
        buffers.add(buffer);
      }
    }
    assertThat(buffers).isNotEmpty();
  }

  private static final Kernel ALONE =
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
              """);

  /** A product whose result is wrong if it is computed late. */
  private static Kernel product(double late) {
    return Kernel.of(
            """
            def product(x: Tensor, w: Tensor) -> Tensor:
                return torch.mul(x, w)
            """)
        .derivative(
            "x, w",
            """
            def product(x: Tensor, w: Tensor) -> List[Tensor]:
                return [torch.mul(x, w), torch.mul(x, 1)]
            """,
            """
            def back(g: Tensor, w: Tensor, kept0: Tensor) -> List[Tensor]:
                return [torch.mul(g, w), torch.mul(g, kept0)]
            """)
        .late(
            Kernel.UNREAD
                + """
                def product(x: Tensor, w: Tensor) -> List[Tensor]:
                    return [unread(x, torch.size(x, -1)), torch.mul(x, 1)]
                """,
            """
            def product(kept0: Tensor, w: Tensor) -> Tensor:
                return torch.mul(torch.mul(kept0, w), {late})
            """)
        .with("late", late);
  }

  /** The gradient of w of two segments. */
  private static float[] ofEnds(Tape.Recording tape, NDArray w, UnaryOperator<NDArray> end) {
    Autograd.clearGradient(w);
    try (tape) {
      NDArray x = w.getManager().create(new float[] {1, 2, 3, 4}, new Shape(1, 2, 2));
      UnaryOperator<NDArray> segment = in -> tape.endByPosition(ALONE.call(in), end);
      NDArray h = tape.segmentOfKernels(x, true, segment);
      NDArray y = tape.segmentOfKernels(h, true, segment);
      tape.backward(y, Tensors.onesLike(y));
    }
    try (NDArray gradient = requireNonNull(Autograd.gradient(w))) {
      return gradient.toFloatArray();
    }
  }

  @Test
  void theOutputOfASegmentThatRunsAgainIsNotComputed() {
    try (NDManager manager = Tensors.newManager(Tensors.engineManager().getDevice())) {
      NDArray w = manager.create(new float[] {2, 3, 5, 7}, new Shape(1, 2, 2));
      w.setRequiresGradient(true);
      Kernel product = product(1000);
      UnaryOperator<NDArray> unread = h -> Ops.add(h, product.call(h, w));
      float[] expected = ofEnds(Tape.recording(1), w, unread);
      long before = Tensors.live();
      assertThat(ofEnds(Tape.recomputing(1), w, unread)).containsExactly(expected);
      assertThat(Tensors.live() - before).as("arrays that are left").isLessThan(4);

      UnaryOperator<NDArray> read = h -> ALONE.call(product.call(h, w));
      float[] other = ofEnds(Tape.recording(1), w, read);
      assertThat(ofEnds(Tape.recomputing(1), w, read)).isNotEqualTo(other); // it was late
      Kernel right = product(1);
      assertThat(ofEnds(Tape.recomputing(1), w, h -> ALONE.call(right.call(h, w))))
          .containsExactly(other);
      UnaryOperator<NDArray> readSum = h -> ALONE.call(Ops.add(right.call(h, w), h));
      assertThat(ofEnds(Tape.recomputing(1), w, readSum))
          .containsExactly(ofEnds(Tape.recording(1), w, readSum));
    }
  }

  @Test
  void aTapeThatRunsSegmentsAgainKeepsTheLastOne() {
    try (NDManager manager = Tensors.newManager(Tensors.engineManager().getDevice())) {
      NDArray w = parameter(manager, 2, 3);
      List<String> runs = new ArrayList<>();
      try (Tape.Recording tape = Tape.recomputing(1)) {
        NDArray x = manager.create(new float[] {1, 1});
        NDArray first = tape.segment(x, true, in -> noted(runs, "first", in.mul(w)));
        tape.keepNext();
        NDArray last = tape.segment(first, true, in -> noted(runs, "last", in.mul(w)));
        NDArray norm = tape.segment(last, false, in -> noted(runs, "norm", in.mul(3)));
        tape.backward(norm, manager.create(new float[] {1, 1}));
      }
      assertThat(runs).containsExactly("first", "last", "norm", "norm", "first");
      assertThat(requireNonNull(Autograd.gradient(w)).toFloatArray()).containsExactly(12, 18);
    }
  }

  private static NDArray noted(List<String> runs, String name, NDArray result) {
    runs.add(name);
    return result;
  }

  @Test
  void aResultThatADerivativeReadsIsNotLate() {
    Kernel kernel =
        Kernel.of("def exp(x: Tensor) -> Tensor:\n    return torch.exp(x)\n")
            .derivative(
                "x",
                "def back(g: Tensor, result: Tensor) -> Tensor:\n    return torch.mul(g, result)\n");
    assertThatThrownBy(() -> kernel.late(kernel.source(), kernel.source()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("reads the result");
  }
}
