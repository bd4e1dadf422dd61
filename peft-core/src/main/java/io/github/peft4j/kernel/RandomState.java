package io.github.peft4j.kernel;

import java.util.concurrent.locks.ReentrantLock;

/**
 * PyTorch's random generator, of which a process has one for each device: whoever draws numbers
 * from a seed holds it until he is done, so that threads do not draw between each other's numbers.
 */
public final class RandomState implements AutoCloseable {

  private static final ReentrantLock LOCK = new ReentrantLock(true);

  private RandomState() {}

  /** Seeds the generators of every device, and keeps other threads from drawing until closed. */
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
