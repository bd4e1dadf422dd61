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
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Frozen weights of layers that stay in the host's memory, and come to the device for the time that
 * their layer computes. While one layer computes, the weights of the next are on their way: in a
 * backward pass these are the ones of the layer before. So a thread has the weights of two layers
 * on the device.
 *
 * <p>The memory on the host is pinned: the GPU copies by itself. PyTorch takes it in powers of two.
 */
public final class StreamedWeights implements AutoCloseable {

  private static final Kernel FIRST =
      Kernel.of(
          """
          def first(x: Tensor) -> Tensor:
              return torch.narrow(torch.reshape(x, [-1]), 0, 0, 1)
          """);

  /** The layer that each thread computes, the innermost one. */
  private static final ThreadLocal<Layer> RUNNING = new ThreadLocal<>();

  private final SideCopies copies;
  private final List<Layer> layers = new ArrayList<>();

  /** Which layer comes after one. */
  public enum Next {
    /** The one behind it, and after the last the first: the next token. */
    BEHIND,
    /** The one behind it, and after the last the one before it: a backward pass follows. */
    TURNING,
    /** The one before it: in a backward pass. */
    BEFORE
  }

  /** The weights of a layer. */
  public final class Layer {

    private final int index;
    private final Supplier<List<NDArray>> waiting;
    private final Consumer<@Nullable NDList> user;
    private int users;

    /** The copies on the device. They are on their way until a layer has {@link #arrived}. */
    private @Nullable NDList here;

    /** What they are copies of. */
    private List<NDArray> sources = List.of();

    private boolean arrived;

    private Layer(int index, Supplier<List<NDArray>> waiting, Consumer<@Nullable NDList> user) {
      this.index = index;
      this.waiting = waiting;
      this.user = user;
    }

    /**
     * Runs code that computes with the weights.
     *
     * @param next which layer's weights are on their way meanwhile
     */
    public <T> T during(Next next, Supplier<T> code) {
      enter(this, next);
      Layer outer = RUNNING.get();
      RUNNING.set(this);
      try {
        return code.get();
      } finally {
        if (outer == null) {
          RUNNING.remove();
        } else {
          RUNNING.set(outer);
        }
        leave(this);
      }
    }

    /** The same for code without a result. */
    public void during(Next next, Runnable code) {
      during(
          next,
          () -> {
            code.run();
            return this;
          });
    }

    /**
     * Whether this thread computes with the weights. Another thread may get its copies closed at
     * any time.
     */
    public boolean isRunning() {
      return RUNNING.get() == this;
    }

    private void come() {
      List<NDArray> now = waiting.get();
      if (!isCopyOf(now)) {
        go(); // others wait since a merge
      }
      if (here == null) {
        here = copied(now);
        sources = now;
      }
    }

    private boolean isCopyOf(List<NDArray> arrays) {
      return arrays.size() == sources.size()
          && IntStream.range(0, arrays.size()).allMatch(i -> arrays.get(i) == sources.get(i));
    }

    private void arrive() {
      if (!arrived) {
        copies.join();
        user.accept(here);
        arrived = true;
      }
    }

    private void go() {
      NDList gone = here;
      if (gone != null && users == 0) {
        if (arrived) {
          user.accept(null); // which closes them
        } else {
          copies.join();
          gone.close();
        }
        here = null;
        sources = List.of();
        arrived = false;
      }
    }
  }

  /**
   * Weights for a device.
   *
   * @param device a GPU, whose copies on the host are pinned. For the CPU they are copies, too
   */
  public StreamedWeights(Device device) {
    this.copies = new SideCopies(device);
  }

  /**
   * Adds a layer, behind those so far.
   *
   * @param waiting its arrays on the host
   * @param user gets copies of them on the device, which it owns, and null when it is to give them
   *     back
   */
  public Layer add(Supplier<List<NDArray>> waiting, Consumer<@Nullable NDList> user) {
    Layer layer = new Layer(layers.size(), waiting, user);
    layers.add(layer);
    return layer;
  }

  private Layer after(Layer layer, Next next) {
    boolean turns = next == Next.TURNING && layer.index == layers.size() - 1;
    int step = turns || next == Next.BEFORE ? -1 : 1;
    return layers.get(Math.floorMod(layer.index + step, layers.size()));
  }

  private synchronized void enter(Layer layer, Next order) {
    Autograd.without(
        () -> {
          Layer next = after(layer, order);
          for (Layer each : layers) {
            if (each != layer && each != next) {
              each.go();
            }
          }
          layer.come();
          layer.arrive();
          next.come();
          layer.users++;
          return layer;
        });
  }

  private synchronized void leave(Layer layer) {
    layer.users--;
  }

  /** Copies on the device. They are on their way; if they cannot be made, none is left. */
  private NDList copied(List<NDArray> waiting) {
    NDList here = new NDList();
    try {
      waiting.forEach(array -> here.add(Scope.release(copies.emptyOnDevice(array))));
      copies.beside(
          () -> {
            for (int i = 0; i < here.size(); i++) {
              SideCopies.copy(here.get(i), waiting.get(i));
            }
          });
      return here;
    } catch (RuntimeException | Error e) {
      copies.join();
      here.close();
      throw e;
    }
  }

  /**
   * A copy in the host's memory, which the caller closes and Java may read.
   *
   * @throws IllegalStateException if there is not enough memory
   */
  public NDArray put(NDArray tensor) {
    try {
      NDArray copy = Scope.release(Autograd.without(() -> copies.toHost(tensor)));
      if (tensor.size() > 0) {
        try (Scope scope = new Scope()) {
          Tensors.floats(FIRST.call(tensor)); // waits for the device
        }
      }
      return copy;
    } catch (EngineException e) {
      if (DeviceMemory.of(String.valueOf(e.getMessage())).isEmpty()) {
        throw e;
      }
      throw new IllegalStateException(
          "the host has not enough memory for a weight, of shape %s: keep fewer layers on the host, take quantize(…), or give the process more memory"
              .formatted(tensor.getShape()),
          e);
    }
  }

  /** A copy on the device, in the innermost scope. */
  public NDArray get(NDArray copy) {
    return Autograd.without(() -> copies.toDevice(copy));
  }

  /** Frees what is on the device. The arrays on the host belong to others. */
  @Override
  public synchronized void close() {
    layers.forEach(
        layer -> {
          layer.users = 0;
          layer.go();
        });
  }
}
