package io.github.peft4j.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import org.junit.jupiter.api.Test;

class RandomStateTest {

  private static final Kernel DRAW =
      Kernel.of(
          """
          def draw(x: Tensor) -> Tensor:
              return torch.rand_like(x)
          """);

  private static float[] draw(NDManager manager) {
    return DRAW.call(manager.zeros(new Shape(3))).toFloatArray();
  }

  @Test
  void aSequenceIsSeededOnce() {
    try (NDManager manager = Tensors.newManager(Device.cpu())) {
      float[] first;
      float[] second;
      try (RandomState state = RandomState.seeded(7)) {
        first = draw(manager);
        second = draw(manager);
      }
      try (RandomState sequence = RandomState.sequence(7)) {
        try (RandomState one = RandomState.seeded(1)) {
          assertThat(draw(manager)).isEqualTo(first);
        }
        try (RandomState two = RandomState.seeded(1)) {
          assertThat(draw(manager)).isEqualTo(second);
        }
      }
      try (RandomState state = RandomState.seeded(7)) { // the sequence has ended
        assertThat(draw(manager)).isEqualTo(first);
      }
    }
  }

  private static boolean draws(NDManager manager, Runnable code) {
    return RandomState.draws(manager, code);
  }

  @Test
  void itIsSeenWhetherCodeDraws() {
    try (NDManager manager = Tensors.newManager(Device.cpu())) {
      float[][] drawn = new float[3][];
      Runnable drawing =
          () -> {
            try (RandomState first = RandomState.seeded(7)) {
              manager.zeros(new Shape(3));
            }
            try (RandomState second = RandomState.seeded(8)) {
              drawn[0] = draw(manager);
              drawn[1] = draw(manager);
            }
            try (RandomState third = RandomState.seeded(9)) {
              drawn[2] = draw(manager);
            }
          };
      assertThat(draws(manager, drawing)).isTrue();
      float[][] watched = drawn.clone();
      drawing.run();
      assertThat(drawn).isDeepEqualTo(watched);

      Runnable other =
          () -> {
            for (long seed : new long[] {7, 0, -1}) {
              try (RandomState state = RandomState.seeded(seed)) {
                manager.ones(new Shape(3)).add(1);
              }
            }
          };
      assertThat(draws(manager, other)).isFalse();
      drawing.run();
      assertThat(drawn).isDeepEqualTo(watched);
    }
  }
}
