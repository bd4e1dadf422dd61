package io.github.peft4j.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import org.junit.jupiter.api.Test;

class TensorsTest {

  @Test
  void nothingIsLeftOfReadingAView() {
    try (NDManager manager = Tensors.newManager(Tensors.engineManager().getDevice());
        NDArray x = manager.create(new float[] {1, 2, 3, 4, 5, 6}, new Shape(2, 3));
        NDArray turned = x.transpose()) {
      long before = Tensors.live();
      assertThat(Tensors.floats(turned)).containsExactly(1, 4, 2, 5, 3, 6);
      assertThat(Tensors.live()).isEqualTo(before);
    }
  }
}
