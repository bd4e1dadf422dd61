package io.github.peft4j.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class RememberedTest {

  @Test
  void computesAgainAfterASourceWasWrittenTo() {
    AtomicInteger computed = new AtomicInteger();
    try (NDManager manager = Tensors.newManager(Tensors.engineManager().getDevice())) {
      NDArray a = manager.ones(new Shape(2));
      NDArray b = manager.ones(new Shape(2));
      try (Remembered sum =
          new Remembered(
              () -> {
                computed.incrementAndGet();
                return a.add(b);
              },
              a,
              b)) {
        assertThat(sum.value().toFloatArray()).containsExactly(2, 2);
        long live = Tensors.live();
        assertThat(sum.value().toFloatArray()).containsExactly(2, 2);
        assertThat(computed).hasValue(1);
        Tensors.copy(b, manager.create(new float[] {3, 4}));
        assertThat(sum.value().toFloatArray()).containsExactly(4, 5);
        assertThat(sum.value().toFloatArray()).containsExactly(4, 5);
        assertThat(computed).hasValue(2);
        assertThat(Tensors.live()).isEqualTo(live + 1); // the array copied from
      }
    }
  }
}
