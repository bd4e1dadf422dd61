package io.github.peft4j.kernel.device;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;

/** A device with the manager of a model's tensors that are there. */
public final class Home implements AutoCloseable {

  private static final Kernel BRING =
      Kernel.of(
          """
          def bring(there: Tensor, x: Tensor) -> Tensor:         # of any device
              return torch.to(x, there.device, x.dtype, False, True)
          """);

  private final NDManager manager;
  private final NDArray anchor;

  /** Creates a home on a device. */
  public Home(Device device) {
    this.manager = Tensors.newManager(device);
    this.anchor = Scope.release(manager.zeros(new Shape(1)));
  }

  /** The device. */
  public Device device() {
    return manager.getDevice();
  }

  /** The manager of the tensors here. */
  public NDManager manager() {
    return manager;
  }

  /** A copy of a tensor here, without a gradient, of its type. */
  public NDArray bring(NDArray x) {
    return Autograd.without(() -> BRING.call(anchor, x));
  }

  /** Frees the tensors here. */
  @Override
  public void close() {
    manager.close();
  }

  @Override
  public String toString() {
    return device().toString();
  }
}
