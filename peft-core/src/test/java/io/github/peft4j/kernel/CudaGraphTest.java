package io.github.peft4j.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.cuda.CudaGraph;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Skipped without a CUDA GPU. */
class CudaGraphTest {

  private static final Kernel DOUBLE =
      Kernel.of(
          """
          def double(y: Tensor, x: Tensor) -> Tensor:
              return torch.copy_(y, torch.mul(x, 2))
          """);
  private static final Kernel DRAW =
      Kernel.of(
          """
          def draw(y: Tensor) -> Tensor:
              return torch.copy_(y, torch.dropout(torch.ones_like(y), 0.5, True))
          """);

  private final CudaGraph.Pool pool = new CudaGraph.Pool();

  @BeforeEach
  void assumeGraphs() {
    assumeTrue(
        PyTorch.engine().getGpuCount() > 0 && CudaGraph.isAvailable(),
        "SKIPPED: there is no CUDA GPU, so nothing can be recorded as a CUDA graph");
  }

  private CudaGraph record(Runnable code) {
    code.run(); // sets up what is set up once
    return CudaGraph.record(0, pool, code);
  }

  @Test
  void aGraphComputesWithTheValuesThatItsTensorsHaveWhenItRuns() {
    try (NDManager manager = Tensors.newManager(Device.gpu())) {
      NDArray x = manager.ones(new Shape(3));
      NDArray y = manager.zeros(new Shape(3));
      try (CudaGraph graph = record(() -> DOUBLE.call(y, x).close())) {
        Tensors.copy(x, manager.create(new float[] {1, 2, 3}));
        assertThat(y.toFloatArray()).containsExactly(2, 2, 2); // recording runs nothing
        graph.replay();
        assertThat(y.toFloatArray()).containsExactly(2, 4, 6);
      }
    }
  }

  @Test
  void aGraphDrawsTheNumbersThatTheCodeWouldDraw() {
    try (NDManager manager = Tensors.newManager(Device.gpu())) {
      NDArray y = manager.zeros(new Shape(64));
      Runnable twice =
          () -> {
            DRAW.call(y).close();
            DRAW.call(y).close();
          };
      try (CudaGraph graph = record(twice)) {
        for (long seed = 1; seed < 4; seed++) {
          float[] drawn;
          try (RandomState state = RandomState.sequence(seed)) {
            twice.run();
            drawn = y.toFloatArray();
          }
          try (RandomState state = RandomState.sequence(seed)) {
            graph.replay();
            assertThat(y.toFloatArray()).isEqualTo(drawn);
            graph.replay(); // goes on with the sequence
            assertThat(y.toFloatArray()).isNotEqualTo(drawn);
          }
        }
      }
    }
  }

  @Test
  void codeThatWaitsForTheDeviceIsRefusedAndHarmless() {
    try (NDManager manager = Tensors.newManager(Device.gpu())) {
      NDArray x = manager.ones(new Shape(3));
      NDArray y = manager.zeros(new Shape(3));
      assertThatThrownBy(() -> record(() -> x.add(1).toFloatArray()))
          .isInstanceOf(RuntimeException.class); // PyTorch's versions say it in several ways
      IllegalArgumentException own = new IllegalArgumentException("own");
      assertThatThrownBy(
              () ->
                  CudaGraph.record(
                      0,
                      pool,
                      () -> {
                        throw own;
                      }))
          .isSameAs(own);
      DOUBLE.call(y, x).close();
      assertThat(y.toFloatArray()).containsExactly(2, 2, 2);
      try (CudaGraph graph = record(() -> DOUBLE.call(y, y).close())) {
        graph.replay();
        assertThat(y.toFloatArray()).containsExactly(8, 8, 8);
        graph.close();
        assertThatThrownBy(graph::replay).hasMessageContaining("closed");
      }
    }
  }
}
