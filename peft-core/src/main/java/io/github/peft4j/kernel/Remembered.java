package io.github.peft4j.kernel;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A cached tensor that is computed from others, and computed again after one of them was written
 * to. PyTorch counts the writes of each tensor. It does not count those of its fused optimizers, so
 * call {@linkplain #forget forget} after them. The tensor has no gradient.
 *
 * <p>Safe for concurrent reading while no thread writes to the sources, forgets or closes this. A
 * training does so only while no other pass uses the adapter.
 */
public final class Remembered implements AutoCloseable {

  private static final Kernel WRITES =
      Kernel.of(
          """
          def writes(sources: List[Tensor]) -> int:
              count = 0
              for i in range(torch.len(sources)):
                  count = torch.add(count, torch._version(sources[i]))
              return count
          """);

  private final Supplier<NDArray> computation;
  private final BoundKernel writes;
  private @Nullable NDArray value;
  private long writesBefore;

  /**
   * Creates the cache. Nothing is computed yet.
   *
   * @param computation computes a new tensor from the sources; it must not return a source itself
   * @param sources must outlive this object
   */
  public Remembered(Supplier<NDArray> computation, NDArray... sources) {
    this.computation = computation;
    this.writes = WRITES.bind(new NDList(sources));
  }

  /** The tensor. This object owns it, and frees it when a source has changed. */
  public synchronized NDArray value() {
    long now = writes.count();
    NDArray present = value;
    if (present == null || now != writesBefore) {
      close(present);
      present = value = Scope.release(requireNonNull(Autograd.without(computation)));
      writesBefore = now;
    }
    return present;
  }

  /** Discards the tensor, so that the next call of {@link #value} computes it again. */
  public synchronized void forget() {
    close(value);
    value = null;
  }

  @Override
  public synchronized void close() {
    forget();
    writes.close();
  }

  private static void close(@Nullable NDArray array) {
    if (array != null) {
      array.close();
    }
  }
}
