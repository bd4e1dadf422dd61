package io.github.peft4j.kernel.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.PyTorch;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HostMemoryTest {

  private static final int TENSORS = 6;

  @AfterEach
  void restore() {
    System.clearProperty("peft4j.sideStream");
  }

  /** Puts tensors of 1, 2, … away, works, and takes them back in the other order. */
  private static List<Double> wentAndCame(NDManager manager, int size, @Nullable NDArray work) {
    List<Double> means = new ArrayList<>();
    try (Scope scope = new Scope();
        HostMemory memory = new HostMemory(manager.getDevice())) {
      List<NDArray> copies = new ArrayList<>();
      for (int i = 1; i <= TENSORS; i++) {
        try (NDArray x = manager.full(new Shape(size), (float) i)) {
          copies.add(memory.put(x));
        }
        try (NDArray other = manager.full(new Shape(size), -1f)) { // in the memory of x, or not yet
          multiply(work);
          other.addi(1);
        }
      }
      for (int i = TENSORS - 1; i >= 0; i--) {
        try (NDArray copy = copies.get(i);
            NDArray back = memory.get(copy, i > 0 ? copies.get(i - 1) : null)) {
          try (NDArray other = manager.full(new Shape(size), -1f)) {
            multiply(work);
            other.addi(1);
          }
          means.add((double) Tensors.floats(back.mean())[0]);
          means.add((double) Tensors.floats(back.max())[0]);
        }
      }
    }
    return means;
  }

  private static void multiply(@Nullable NDArray work) {
    if (work != null) {
      work.matMul(work).close();
    }
  }

  private static List<Double> expected() {
    List<Double> means = new ArrayList<>();
    for (int i = TENSORS; i > 0; i--) {
      means.add((double) i);
      means.add((double) i);
    }
    return means;
  }

  @Test
  void tensorsComeBackInTheOtherOrder() {
    try (NDManager manager = Tensors.newManager(Device.cpu())) {
      wentAndCame(manager, 100, null);
      long live = Tensors.live();
      assertThat(wentAndCame(manager, 100, null)).isEqualTo(expected());
      assertThat(Tensors.live()).isEqualTo(live);
    }
  }

  @Test
  void whatIsOnItsWayIsFreed() {
    try (NDManager manager = Tensors.newManager(Device.cpu());
        Scope scope = new Scope()) {
      NDArray x = manager.ones(new Shape(4));
      NDArray y = Tensors.cast(x, Precision.BFLOAT16);
      long live = Tensors.live();
      HostMemory memory = new HostMemory(Device.cpu());
      NDArray first = memory.put(x);
      NDArray second = memory.put(y);
      NDArray back = memory.get(second, first);
      NDArray again = memory.get(second, null); // another reader
      assertThat(Tensors.floats(back)).containsExactly(1, 1, 1, 1);
      assertThat(Tensors.floats(again)).containsExactly(1, 1, 1, 1);
      assertThat(Tensors.live()).isEqualTo(live + 5);
      memory.close();
      assertThat(Tensors.live()).isEqualTo(live + 4);
      memory.close();
    }
  }

  @Test
  void aHostThatIsFullIsAnErrorThatSaysWhatToDo() {
    try (NDManager manager = Tensors.newManager(Device.cpu());
        Scope scope = new Scope();
        HostMemory memory = new HostMemory(Device.cpu())) {
      NDArray huge = manager.ones(new Shape(1, 1)).broadcast(new Shape(1L << 24, 1L << 24));
      assertThatThrownBy(() -> memory.put(huge))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("the input of a layer, of shape (16777216, 16777216)")
          .hasMessageContaining("activations(RECOMPUTED)");
    }
  }

  /** Copies take longer than the host needs to ask for the next, and run beside products. */
  @ParameterizedTest
  @ValueSource(strings = {"true", "false"})
  void aGpuCopiesRightWhileItComputes(String sideStream) {
    assumeTrue(PyTorch.engine().getGpuCount() > 0, "SKIPPED: there is no CUDA GPU");
    System.setProperty("peft4j.sideStream", sideStream);
    try (NDManager manager = Tensors.newManager(Device.gpu())) {
      NDArray work = manager.ones(new Shape(4096, 4096), DataType.FLOAT32);
      for (int i = 0; i < 10; i++) {
        assertThat(wentAndCame(manager, 1 << 25, i % 2 == 0 ? work : null)).isEqualTo(expected());
      }
    }
  }
}
