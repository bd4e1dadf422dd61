package io.github.peft4j.kernel.host;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Tape;

/**
 * Keeps tensors of a GPU in the host's memory. The memory is pinned: the GPU copies by itself, and
 * the host does not wait for it.
 *
 * <p>Copies are made in the order of the GPU's other work, so a tensor may be freed as soon as its
 * copy is asked for: PyTorch gives its memory only to work that is asked for later. PyTorch also
 * keeps the pinned memory of copies that are freed, and gives it to those of the next step once the
 * GPU has read it. It takes it in powers of two.
 */
public final class HostMemory implements Tape.Store {

  private static final Kernel TO_HOST =
      Kernel.of(
          """
          def to_host(x: Tensor) -> Tensor:
              y = torch.empty(torch.size(x), dtype=x.dtype, layout=None, device=torch.device("cpu"), pin_memory={pinned})
              return torch.copy_(y, x, True)
          """);
  private static final Kernel TO_DEVICE =
      Kernel.of(
          """
          def to_device(y: Tensor) -> Tensor:
              x = torch.empty(torch.size(y), dtype=y.dtype, layout=None, device=torch.device("{device}"), pin_memory=False)
              return torch.copy_(x, y, True)
          """);

  private final Kernel toHost;
  private final Kernel toDevice;

  /**
   * Creates the memory.
   *
   * @param device of the tensors. A CPU's tensors are copied to memory that is not pinned
   */
  public HostMemory(Device device) {
    this.toHost = TO_HOST.with("pinned", device.isGpu());
    this.toDevice =
        TO_DEVICE.with("device", device.isGpu() ? "cuda:" + device.getDeviceId() : "cpu");
  }

  @Override
  public NDArray put(NDArray tensor) {
    return toHost.call(tensor);
  }

  @Override
  public NDArray get(NDArray copy) {
    return toDevice.call(copy);
  }
}
