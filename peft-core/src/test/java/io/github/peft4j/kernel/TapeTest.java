package io.github.peft4j.kernel;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
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
}
