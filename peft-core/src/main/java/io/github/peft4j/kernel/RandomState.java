package io.github.peft4j.kernel;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A lock on PyTorch's random generators, of which a process has one for each device. Code that
 * draws from a seed holds it until it is done, so that no other thread draws in between.
 */
public final class RandomState implements AutoCloseable {

  private static final ReentrantLock LOCK = new ReentrantLock(true);

  /** Whether a sequence of the thread that has the lock is being drawn. */
  private static boolean inSequence;

  /** Who looks whether the thread that has the lock draws. */
  private static @Nullable Watch watch;

  private final boolean before;
  private final long seed;

  private RandomState(boolean before, long seed) {
    this.before = before;
    this.seed = seed;
  }

  /** Seeds the generators of every device, and locks them until this is closed. */
  public static RandomState seeded(long seed) {
    LOCK.lock();
    if (!inSequence) {
      Autograd.seed(seed);
    }
    return new RandomState(inSequence, seed);
  }

  /**
   * Seeds the generators of every device once for all that is drawn until this is closed: {@link
   * #seeded} does not seed them meanwhile. A CUDA graph draws so, too.
   */
  public static RandomState sequence(long seed) {
    RandomState state = seeded(seed);
    inSequence = true;
    return state;
  }

  /**
   * Runs code, and says whether it drew random numbers of a device where it had {@link #seeded}
   * them. What it draws stays the same.
   *
   * @param device a manager of arrays on the device
   */
  public static boolean draws(NDManager device, Runnable code) {
    LOCK.lock();
    try (NDArray number = device.create(0L)) {
      Watch mine = new Watch(number);
      watch = mine;
      code.run();
      return mine.drawn;
    } finally {
      watch = null;
      LOCK.unlock();
    }
  }

  @Override
  public void close() {
    try {
      Watch watching = watch;
      if (watching != null && LOCK.getHoldCount() == 2) { // the outermost in draws()
        watching.look(seed);
      }
    } finally {
      inSequence = before;
      LOCK.unlock();
    }
  }

  /** Looks whether a generator still gives the number that it gives first after a seed. */
  private static final class Watch {

    private static final Kernel NEXT =
        Kernel.of(
            """
            def next(like: Tensor) -> Tensor:
                return torch.randint({most}, torch.size(like), dtype=4, layout=None, device=like.device)
            """)
            .with("most", 1L << 62);

    private final NDArray like;
    private boolean drawn;

    Watch(NDArray like) {
      this.like = like;
    }

    void look(long seed) {
      if (!drawn) {
        long now = next();
        Autograd.seed(seed);
        drawn = now != next();
      }
    }

    private long next() {
      try (NDArray number = Scope.release(NEXT.plain(like))) {
        return number.getLong();
      }
    }
  }
}
