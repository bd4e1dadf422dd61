package io.github.peft4j.kernel.host;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.cuda.SideStream;
import org.jspecify.annotations.Nullable;

/**
 * Copies between a device and the host. They run beside the computation, on a {@link SideStream}.
 * Without one, or with {@code -Dpeft4j.sideStream=false}, they take their turn among the GPU's
 * other work.
 */
final class SideCopies {

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
          def copy(x: Tensor, y: Tensor) -> Tensor:              # of any device
              return torch.copy_(x, y, True)
          """);

  private final Device device;
  private final Kernel toHost;
  private final Kernel emptyOnDevice;
  private final Kernel toDevice;
  private @Nullable SideStream side;
  private boolean begun;

  /**
   * Copies for a device.
   *
   * @param device a GPU, whose copies on the host are pinned, or the CPU
   */
  SideCopies(Device device) {
    this.device = device;
    this.toHost = TO_HOST.with("pinned", device.isGpu());
    String there = device.isGpu() ? "cuda:" + device.getDeviceId() : "cpu";
    this.emptyOnDevice = EMPTY_ON_DEVICE.with("device", there);
    this.toDevice = TO_DEVICE.with("device", there);
  }

  /** A copy in the host's memory. */
  NDArray toHost(NDArray tensor) {
    return toHost.call(tensor);
  }

  /** A copy on the device. */
  NDArray toDevice(NDArray copy) {
    return toDevice.call(copy);
  }

  /** A tensor on the device, of another's shape and type. */
  NDArray emptyOnDevice(NDArray like) {
    return emptyOnDevice.call(like);
  }

  /** Copies, without waiting for the device. */
  static void copy(NDArray target, NDArray source) {
    COPY.call(target, source).close();
  }

  /** Runs copies on the side stream, if there is one. */
  void beside(Runnable copies) {
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

  /** Lets the computation from now on wait for the copies so far. */
  void join() {
    if (side != null) {
      side.join();
    }
  }
}
