package io.github.peft4j.kernel.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Tensors;
import org.junit.jupiter.api.Test;

class GeneratorsTest {

  private static final Kernel DRAW =
      Kernel.of(
          """
          def draw(x: Tensor) -> Tensor:
              return torch.rand_like(x)
          """);

  @Test
  void theCpusGeneratorIsSeededAsByPyTorch() {
    assumeTrue(System.getProperty("os.name").equals("Linux"), "SKIPPED: not reached elsewhere");
    try (NDManager manager = Tensors.newManager(Device.cpu())) {
      Autograd.seed(-7);
      float[] expected = DRAW.call(manager.zeros(new Shape(5))).toFloatArray();
      Generators.loaded().orElseThrow().seedCpu(-7);
      assertThat(DRAW.call(manager.zeros(new Shape(5))).toFloatArray()).isEqualTo(expected);
    }
  }
}
