package io.github.peft4j.kernel.device;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.util.cuda.CudaUtils;
import io.github.peft4j.kernel.PyTorch;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.kernel.cuda.GpuMemory;
import java.lang.management.MemoryUsage;
import java.util.OptionalLong;

/** The memory of a GPU that no process has. */
public final class FreeMemory {

  private FreeMemory() {}

  /**
   * The free bytes of a GPU, without what PyTorch keeps for its next arrays.
   *
   * @throws IllegalStateException if CUDA does not say it
   */
  public static long of(Device gpu) {
    try (NDManager manager = Tensors.newManager(gpu)) {
      manager.zeros(new Shape(1)).close(); // so that the device has all that PyTorch sets up
    }
    PyTorch.releaseCachedMemory();
    OptionalLong known = GpuMemory.free(gpu.getDeviceId());
    return known.isPresent() ? known.getAsLong() : byRuntime(gpu);
  }

  private static long byRuntime(Device gpu) {
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
