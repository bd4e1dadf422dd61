package io.github.peft4j.kernel.host;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.cuda.DeviceTensor;
import org.jspecify.annotations.Nullable;

/**
 * A constant tensor of a GPU that is in the host's memory. The memory is page-locked, so kernels on
 * the GPU read what they need of it over the bus, like memory of their own. That is for tensors of
 * which a pass reads some rows, such as an embedding table.
 */
public final class OffloadedTensor implements AutoCloseable {

  private static final Kernel TO_HOST =
      Kernel.of(
          """
          def to_host(x: Tensor) -> Tensor:
              cpu = torch.device("cpu")
              y = torch.empty(torch.size(x), dtype=x.dtype, layout=None, device=cpu, pin_memory=True)
              return torch.copy_(y, x)
          """);

  private final NDArray memory;
  private final NDArray array;

  private OffloadedTensor(NDArray memory, NDArray array) {
    this.memory = memory;
    this.array = array;
  }

  /**
   * A copy of a tensor in the host's memory.
   *
   * @return null if the tensor is on no GPU, or if this PyTorch cannot do it
   * @throws IllegalStateException if the host has not enough memory
   */
  public static @Nullable OffloadedTensor of(NDArray tensor) {
    if (!tensor.getDevice().isGpu()) {
      return null;
    }
    NDArray memory;
    try {
      memory = Autograd.without(() -> Scope.release(TO_HOST.call(tensor)));
    } catch (EngineException e) {
      throw new IllegalStateException(
          "the host cannot lock memory for a tensor of shape %s: leave offloadEmbeddings() out, or give the process more memory"
              .formatted(tensor.getShape()),
          e);
    }
    long view =
        DeviceTensor.ofHost(((PtNDArray) memory).getHandle(), tensor.getDevice().getDeviceId());
    if (view == 0) {
      memory.close();
      return null;
    }
    NDArray array = new PtNDArray((PtNDManager) tensor.getManager(), view);
    return new OffloadedTensor(memory, Scope.release(array));
  }

  /** The tensor, as the GPU sees it. */
  public NDArray array() {
    return array;
  }

  @Override
  public void close() {
    array.close();
    memory.close();
  }
}
