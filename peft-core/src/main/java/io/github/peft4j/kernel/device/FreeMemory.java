package io.github.peft4j.kernel.device;

import ai.djl.Device;
import ai.djl.util.cuda.CudaUtils;
import io.github.peft4j.kernel.PyTorch;
import java.lang.management.MemoryUsage;

/** The memory of a GPU that no process has. */
public final class FreeMemory {

  private FreeMemory() {}

  /**
   * The free bytes of a GPU, without what PyTorch keeps for its next arrays.
   *
   * @throws IllegalStateException if CUDA does not say it
   */
  public static long of(Device gpu) {
    PyTorch.releaseCachedMemory();
    try {
      MemoryUsage memory = CudaUtils.getGpuMemory(gpu);
      return memory.getMax() - memory.getCommitted();
    } catch (RuntimeException | LinkageError e) {
      throw new IllegalStateException(
          "the free memory of %s is unknown: say where the layers are, DeviceMap.on(…).layers(…)"
              .formatted(gpu),
          e);
    }
  }
}
