package io.github.peft4j.kernel.cuda;

import java.util.OptionalLong;

/** The memory of GPUs, as CUDA's driver sees it. */
public final class GpuMemory {

  private GpuMemory() {}

  /**
   * The bytes of a GPU that no process has.
   *
   * @param device the index of the GPU, on which PyTorch has computed already
   * @return empty if this process has no PyTorch for CUDA that peft4j knows
   */
  public static OptionalLong free(int device) {
    return GraphLibrary.loaded()
        .map(library -> OptionalLong.of(library.inContext(device, library::freeBytes)))
        .orElse(OptionalLong.empty());
  }
}
