package io.github.peft4j.methods;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.Device;
import io.github.peft4j.kernel.PyTorch;
import org.junit.jupiter.api.BeforeEach;

/** What {@link SpreadTest} says, of two GPUs. */
class SpreadOverGpusTest extends SpreadTest {

  @BeforeEach
  void requireTwoGpus() {
    int gpus = PyTorch.engine().getGpuCount();
    assumeTrue(gpus > 1, "SKIPPED: there are no two CUDA GPUs here, but " + gpus);
  }

  @Override
  Device first() {
    return Device.gpu(0);
  }

  @Override
  Device second() {
    return Device.gpu(1);
  }

  /** Kernels may choose other algorithms in another pass. */
  @Override
  float tolerance() {
    return 2e-5f;
  }
}
