package io.github.peft4j.kernel.host;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.DeviceMemory;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.kernel.cuda.SideStream;
import org.jspecify.annotations.Nullable;

/**
 * Keeps tensors of a GPU in the host's memory, for one tape. The memory is pinned: the GPU copies
 * by itself, and the host does not wait for it.
 *
 * <p>Copies run beside the computation, on a {@link SideStream}: one tensor leaves while the next
 * segment computes, and one comes while the segment before it does. So there is memory for one more
 * tensor on the device. Without a side stream, or with {@code -Dpeft4j.sideStream=false}, copies
 * take their turn among the GPU's other work.
 *
 * <p>PyTorch keeps the pinned memory of copies that are freed, and gives it to those of the next
 * step once the GPU has read it. It takes it in powers of two.
 */
public final class HostMemory implements Tape.Store {

  private static final Kernel TO_HOST =
      Kernel.of(
          """
          def to_host(x: Tensor) -> Tensor:
              cpu = torch.device("cpu")
              y = torch.empty(torch.size(x), dtype=x.dtype, layout=None, device=cpu, pin_memory={pinned})
              return torch.copy_(y, x, True)
          """);
  private static final String EMPTY =
      """
      def empty(y: Tensor) -> Tensor:
          there = torch.device("{device}")
          return torch.empty(torch.size(y), dtype=y.dtype, layout=None, device=there, pin_memory=False)
      """;
  private static final Kernel EMPTY_ON_DEVICE = Kernel.of(EMPTY);
  private static final Kernel TO_DEVICE =
      Kernel.of(
          EMPTY
              + """

              def to_device(y: Tensor) -> Tensor:
                  return torch.copy_(empty(y), y, True)
              """);
  private static final Kernel COPY =
      Kernel.of(
          """
          def copy(x: Tensor, y: Tensor) -> Tensor:
              return torch.copy_(x, y, True)
          """);

  private final Device device;
  private final Kernel toHost;
  private final Kernel emptyOnDevice;
  private final Kernel toDevice;
  private @Nullable SideStream side;
  private boolean begun;

  /** A tensor whose copy to the host is under way. */
  private @Nullable NDArray leaving;

  /** A tensor that is filled from {@link #source}, for the next that asks. */
  private @Nullable NDArray coming;

  private @Nullable NDArray source;

  /**
   * Creates the memory.
   *
   * @param device of the tensors. A CPU's tensors are copied to memory that is not pinned
   */
  public HostMemory(Device device) {
    this.device = device;
    this.toHost = TO_HOST.with("pinned", device.isGpu());
    String there = device.isGpu() ? "cuda:" + device.getDeviceId() : "cpu";
    this.emptyOnDevice = EMPTY_ON_DEVICE.with("device", there);
    this.toDevice = TO_DEVICE.with("device", there);
  }

  @Override
  public NDArray put(NDArray tensor) {
    settle();
    leaving = Scope.release(Autograd.detach(tensor));
    NDArray[] copy = new NDArray[1];
    beside(() -> copy[0] = onHost(tensor));
    return copy[0];
  }

  private NDArray onHost(NDArray tensor) {
    try {
      return toHost.call(tensor);
    } catch (EngineException e) {
      if (DeviceMemory.of(String.valueOf(e.getMessage())).isEmpty()) {
        throw e;
      }
      throw new IllegalStateException(
          "the host has not enough memory for the input of a layer, of shape %s: take activations(RECOMPUTED), a smaller maxLength or a smaller batchSize, or give the process more memory"
              .formatted(tensor.getShape()),
          e);
    }
  }

  @Override
  public NDArray get(NDArray copy, @Nullable NDArray next) {
    settle();
    NDArray here = copy == source ? arrived() : null;
    if (here == null) {
      here = Autograd.without(() -> toDevice.call(copy));
    }
    if (next != null && next != source) {
      close();
      NDArray empty = Scope.release(emptyOnDevice.call(next));
      coming = empty;
      source = next;
      beside(() -> COPY.call(empty, next).close());
    }
    return here;
  }

  /** Runs copies on the side stream, if there is one. */
  private void beside(Runnable copies) {
    Runnable plain =
        () ->
            Autograd.without(
                () -> {
                  copies.run();
                  return null;
                });
    SideStream stream = stream();
    if (stream == null) {
      plain.run();
    } else {
      stream.begin(plain);
    }
  }

  private @Nullable SideStream stream() {
    if (!begun && device.isGpu() && !"false".equals(System.getProperty("peft4j.sideStream"))) {
      side = SideStream.of(device.getDeviceId()).orElse(null);
    }
    begun = true;
    return side;
  }

  private void join() {
    if (side != null) {
      side.join();
    }
  }

  /** Frees the tensor that is leaving, after its copy. */
  private void settle() {
    NDArray tensor = leaving;
    if (tensor != null) {
      join();
      tensor.close();
      leaving = null;
    }
  }

  /** The tensor that was coming. */
  private @Nullable NDArray arrived() {
    NDArray tensor = coming;
    join();
    coming = null;
    source = null;
    return tensor;
  }

  @Override
  public void close() {
    settle();
    NDArray unused = coming == null ? null : arrived();
    if (unused != null) {
      unused.close();
    }
  }
}
