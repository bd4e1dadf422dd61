package io.github.peft4j.kernel;

import java.util.concurrent.locks.ReentrantLock;

/**
 * A lock on PyTorch's random generators, of which a process has one for each device. Code that
 * draws from a seed holds it until it is done, so that no other thread draws in between.
 */
public final class RandomState implements AutoCloseable {

  private static final ReentrantLock LOCK = new ReentrantLock(true);

  private RandomState() {}

  /** Seeds the generators of every device, and locks them until this is closed. */
  public static RandomState seeded(long seed) {
    LOCK.lock();
    Autograd.seed(seed);
    return new RandomState();
  }

  @Override
  public void close() {
    LOCK.unlock();
  }
}
