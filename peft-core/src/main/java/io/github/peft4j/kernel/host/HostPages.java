package io.github.peft4j.kernel.host;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.DeviceMemory;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.function.ObjIntConsumer;

/**
 * Tensors that stay in the host's memory, and come to the device page by page to be changed. A page
 * is some tensors. While one is changed, the next comes, so that there is memory for two on the
 * device.
 *
 * <p>The host's memory is pinned: the GPU copies by itself. PyTorch takes it in powers of two.
 */
public final class HostPages {

  private static final Kernel FIRST =
      Kernel.of(
          """
          def first(x: Tensor) -> Tensor:
              return torch.narrow(torch.reshape(x, [-1]), 0, 0, 1)
          """);

  private final SideCopies copies;

  /**
   * Creates pages of a device.
   *
   * @param device where tensors are changed. For the CPU, tensors are copied all the same, to
   *     memory that is not pinned
   */
  public HostPages(Device device) {
    this.copies = new SideCopies(device);
  }

  /**
   * A copy of a tensor in the host's memory. The caller closes it.
   *
   * @throws IllegalStateException if there is not enough memory
   */
  public NDArray put(NDArray tensor) {
    try {
      NDArray copy = Autograd.without(() -> Scope.release(copies.toHost(tensor)));
      await(tensor);
      return copy;
    } catch (EngineException e) {
      if (DeviceMemory.of(String.valueOf(e.getMessage())).isEmpty()) {
        throw e;
      }
      throw new IllegalStateException(
          "the host has not enough memory for a state of the optimizer, of shape %s: train without paged(), or give the process more memory"
              .formatted(tensor.getShape()),
          e);
    }
  }

  /**
   * Changes all pages, one after the other. When this returns, the host's tensors are the changed
   * ones, and Java may read them.
   *
   * @param pages tensors that {@link #put} made, at least one in each page
   * @param change changes the page of this index, whose tensors are on the device, in place
   */
  public void forEach(List<NDList> pages, ObjIntConsumer<NDList> change) {
    Deque<NDList> here = new ArrayDeque<>();
    try {
      come(pages.get(0), here);
      for (int i = 0; i < pages.size(); i++) {
        NDList page = here.getLast();
        copies.join();
        if (here.size() > 1) {
          here.removeFirst().close(); // its copy to the host has ended
        }
        if (i + 1 < pages.size()) {
          come(pages.get(i + 1), here);
        }
        change.accept(page, i);
        leave(page, pages.get(i));
      }
      await(here.getLast().get(0));
    } finally {
      copies.join();
      here.forEach(NDList::close);
    }
  }

  /** The tensors are made before, as those of a second stream must be: see {@link SideCopies}. */
  private void come(NDList page, Deque<NDList> here) {
    NDList empty = new NDList();
    here.add(empty);
    page.forEach(tensor -> empty.add(Scope.release(copies.emptyOnDevice(tensor))));
    copies.beside(() -> copy(empty, page));
  }

  private void leave(NDList page, NDList host) {
    copies.beside(() -> copy(host, page));
  }

  private static void copy(NDList targets, NDList sources) {
    for (int i = 0; i < targets.size(); i++) {
      SideCopies.copy(targets.get(i), sources.get(i));
    }
  }

  /** Waits until the device has done what it was asked for, copies included. */
  private void await(NDArray onDevice) {
    copies.join();
    try (Scope scope = new Scope()) {
      Tensors.floats(FIRST.call(onDevice));
    }
  }
}
