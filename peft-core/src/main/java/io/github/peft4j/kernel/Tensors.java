package io.github.peft4j.kernel;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** Creates and converts tensors in every {@link Precision}, bfloat16 included. */
public final class Tensors {

  private static final Kernel CAST =
      Kernel.of(
          """
          def cast(x: Tensor) -> Tensor:
              return torch.to(x, {dtype})
          """);
  private static final Kernel ONES_LIKE =
      Kernel.of(
          """
          def ones_like(x: Tensor) -> Tensor:
              return torch.ones_like(x)
          """);
  private static final Kernel ZEROS_LIKE =
      Kernel.of(
          """
          def zeros_like(x: Tensor) -> Tensor:
              return torch.zeros_like(torch.detach(x))
          """);
  private static final Kernel COPY =
      Kernel.of(
          """
          def copy(target: Tensor, source: Tensor) -> Tensor:    # of any device
              return torch.copy_(target, source)
          """);
  private static final Kernel PART =
      Kernel.of(
          """
          def part(x: Tensor, start: Tensor, count: Tensor) -> Tensor:
              return torch.narrow(torch.view(x, [-1]), 0, int(start), int(count))
          """);
  private static final Map<Precision, Kernel> CASTS = new ConcurrentHashMap<>();

  /** What a kernel's text says that may read tensors of several devices. */
  private static final String OF_ANY = "# of any device";

  /** Managers whose tensors must not meet in a kernel, see {@link #keepApart}. */
  private static final Set<NDManager> APART = ConcurrentHashMap.newKeySet();

  private Tensors() {}

  /**
   * Lets kernels refuse tensors of this manager beside those of another such manager, as if each
   * had a device of its own. So tests find a tensor on the wrong device where there is only one. It
   * costs each kernel some time, until the manager is closed.
   */
  public static void keepApart(NDManager manager) {
    APART.removeIf(other -> !other.isOpen());
    APART.add(manager);
  }

  /** Checks that a kernel may read these tensors together. */
  static void requireTogether(NDList tensors, String source) {
    if (APART.isEmpty() || source.contains(OF_ANY)) {
      return;
    }
    NDManager first = null;
    for (NDArray tensor : tensors) {
      NDManager own = apart(tensor.getManager());
      if (own != null && first != null && own != first) {
        throw new IllegalStateException(
            "a kernel reads tensors of two devices, of shapes "
                + tensors.stream().map(t -> t.getShape().toString()).toList()
                + ":\n"
                + source);
      }
      first = own == null ? first : own;
    }
  }

  /** The nearest manager that is kept apart, or null. */
  private static @Nullable NDManager apart(NDManager manager) {
    NDManager own = manager;
    while (own != engineManager() && !APART.contains(own)) {
      NDManager parent = own.getParentManager();
      if (parent == null || parent == own) {
        return null;
      }
      own = parent;
    }
    return own == engineManager() ? null : own;
  }

  /**
   * The manager of arrays that live as long as the JVM, such as compiled kernels and constant
   * tables.
   */
  static NDManager engineManager() {
    return EngineHolder.MANAGER;
  }

  /**
   * A manager for arrays on a device.
   *
   * @param device the device of the arrays
   * @return a manager that the caller closes
   */
  public static NDManager newManager(Device device) {
    return engineManager().newSubManager(device);
  }

  /**
   * Where a tensor is: tensors of equal places can be arguments of one kernel. It is the device,
   * and the part of it that a {@link NDManager} stands for.
   */
  public static Object place(NDArray x) {
    return List.of(x.getDevice(), x.getManager().getName());
  }

  /** {@code x} in another precision. If {@code x} already has it, the result shares its memory. */
  public static NDArray cast(NDArray x, Precision precision) {
    return CASTS.computeIfAbsent(precision, p -> CAST.with("dtype", p.scalarType())).call(x);
  }

  /** A tensor of zeros. */
  public static NDArray zeros(NDManager manager, Precision precision, long... shape) {
    NDArray zeros = manager.zeros(new Shape(shape));
    if (precision == Precision.FLOAT32) {
      return zeros;
    }
    try (zeros) {
      return cast(zeros, precision);
    }
  }

  /**
   * An int64 scalar for a kernel. It is on the CPU even if the model is not, so that reading it
   * does not wait for a GPU. It is freed with the innermost {@link Scope}.
   */
  public static NDArray scalar(long value) {
    return engineManager().create(value);
  }

  /** An int64 tensor (n) on the CPU, as {@link #scalar}. */
  public static NDArray onHost(long[] values) {
    return engineManager().create(values);
  }

  /** An int32 tensor (n) on the CPU, as {@link #scalar}. */
  static NDArray onHost(int[] values) {
    return engineManager().create(values);
  }

  /**
   * An int64 tensor (n) whose memory is PyTorch's, so that a graph may keep it. {@link
   * NDManager#create(long[])} uses a buffer of Java's: it is freed once the array is closed, though
   * the backward pass of a segment still reads it.
   *
   * @param manager of the device
   */
  public static NDArray longs(NDManager manager, long... values) {
    try (NDArray ofJava = manager.create(values)) {
      return ofJava.duplicate();
    }
  }

  /** A tensor of ones with {@code x}'s shape, precision and device. */
  public static NDArray onesLike(NDArray x) {
    return ONES_LIKE.call(x);
  }

  /** A tensor of zeros with {@code x}'s shape, precision, device and memory layout. */
  public static NDArray zerosLike(NDArray x) {
    return ZEROS_LIKE.call(x);
  }

  /**
   * Copies {@code source} into {@code target} in place. Both have the same shape; their precisions
   * may differ.
   */
  public static void copy(NDArray target, NDArray source) {
    if (!target.getShape().equals(source.getShape())) {
      throw new IllegalArgumentException(
          "cannot copy " + source.getShape() + " into " + target.getShape());
    }
    Autograd.without(
        () -> {
          COPY.call(target, source).close();
          return null;
        });
  }

  /**
   * A part of {@code x}, on the same memory.
   *
   * @param offset the number of elements of {@code x} before the part, row-major
   * @param shape of the part, whose elements lie one after the other in {@code x}
   */
  public static NDArray part(NDArray x, long offset, Shape shape) {
    try (Scope scope = new Scope()) {
      NDArray flat = PART.call(x, scalar(offset), scalar(shape.size()));
      return scope.keep(flat.reshape(shape));
    }
  }

  /**
   * The values as Java floats, whatever the precision.
   *
   * @param x a tensor of any shape
   * @return its elements in row-major order
   */
  public static float[] floats(NDArray x) {
    try (Scope scope = new Scope()) { // of a view or of a GPU's array, DJL makes a copy
      return cast(Autograd.detach(x), Precision.FLOAT32).toFloatArray();
    }
  }

  /** The number of arrays that are alive in the engine, for tests of leaks. */
  public static long live() {
    return ((ai.djl.ndarray.BaseNDManager) engineManager()).getManagedArrays().size();
  }

  private static final class EngineHolder {
    static final NDManager MANAGER = PyTorch.engine().newBaseManager(Device.cpu());
  }
}
