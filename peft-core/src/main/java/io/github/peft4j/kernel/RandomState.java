package io.github.peft4j.kernel;

import java.util.concurrent.locks.ReentrantLock;

/**
 * A lock on PyTorch's random generators, of which a process has one for each device. Code that
 * draws from a seed holds it until it is done, so that no other thread draws in between.
 */
public final class RandomState implements AutoCloseable {

  private static final ReentrantLock LOCK = new ReentrantLock(true);

  /** Whether a sequence of the thread that has the lock is being drawn. */
  private static boolean inSequence;

  private final boolean before;

  private RandomState(boolean before) {
    this.before = before;
  }

  /** Seeds the generators of every device, and locks them until this is closed. */
  public static RandomState seeded(long seed) {
    LOCK.lock();
    if (!inSequence) {
      Autograd.seed(seed);
    }
    return new RandomState(inSequence);
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

  @Override
  public void close() {
    inSequence = before;
    LOCK.unlock();
  }
}
