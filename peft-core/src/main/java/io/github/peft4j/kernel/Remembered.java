package io.github.peft4j.kernel;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A tensor made of others, computed again only after one of them was written to: PyTorch counts the
 * writes of each tensor, but for those of its fused optimizers, after which it is to be {@linkplain
 * #forget forgotten}. It has no gradient.
 *
 * <p>Safe for concurrent reading as long as nobody writes to the sources, forgets or closes this
 * meanwhile: a training does so only while no other pass computes with the adapter.
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
   * Nothing is computed yet.
   *
   * @param computation makes a new tensor of the sources, not one of them itself
   * @param sources must outlive this object
   */
  public Remembered(Supplier<NDArray> computation, NDArray... sources) {
    this.computation = computation;
    this.writes = WRITES.bind(new NDList(sources));
  }

  /** The tensor, which this object owns and frees when a source has changed. */
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

  /** Has the tensor computed again when it is asked for. */
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
