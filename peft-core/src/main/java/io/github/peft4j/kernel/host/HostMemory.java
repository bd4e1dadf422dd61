package io.github.peft4j.kernel.host;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.DeviceMemory;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tape;
import org.jspecify.annotations.Nullable;

/**
 * Keeps tensors of a GPU in the host's memory, for one tape. The memory is pinned: the GPU copies
 * by itself, and the host does not wait for it.
 *
 * <p>Copies run beside the computation, on a second stream: one tensor leaves while the next
 * segment computes, and one comes while the segment before it does. So there is memory for one more
 * tensor on the device. Without a side stream, or with {@code -Dpeft4j.sideStream=false}, copies
 * take their turn among the GPU's other work.
 *
 * <p>PyTorch keeps the pinned memory of copies that are freed, and gives it to those of the next
 * step once the GPU has read it. It takes it in powers of two.
 */
public final class HostMemory implements Tape.Store {

  private final SideCopies copies;

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
    this.copies = new SideCopies(device);
  }

  @Override
  public NDArray put(NDArray tensor) {
    settle();
    leaving = Scope.release(Autograd.detach(tensor));
    NDArray[] copy = new NDArray[1];
    copies.beside(() -> copy[0] = onHost(tensor));
    return copy[0];
  }

  private NDArray onHost(NDArray tensor) {
    try {
      return copies.toHost(tensor);
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
      here = Autograd.without(() -> copies.toDevice(copy));
    }
    if (next != null && next != source) {
      close();
      NDArray empty = Scope.release(copies.emptyOnDevice(next));
      coming = empty;
      source = next;
      copies.beside(() -> SideCopies.copy(empty, next));
    }
    return here;
  }

  /** Frees the tensor that is leaving, after its copy. */
  private void settle() {
    NDArray tensor = leaving;
    if (tensor != null) {
      copies.join();
      tensor.close();
      leaving = null;
    }
  }

  /** The tensor that was coming. */
  private @Nullable NDArray arrived() {
    NDArray tensor = coming;
    copies.join();
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
