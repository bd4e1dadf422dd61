package io.github.peft4j.examples.bench;

import java.util.ArrayList;
import java.util.List;

/** Threads that compute until they are closed, as other processes on the machine would. */
public final class BusyThreads implements AutoCloseable {

  private final List<Thread> threads = new ArrayList<>();
  private volatile boolean closed;

  /** Starts them. */
  public BusyThreads(int count) {
    for (int i = 0; i < count; i++) {
      Thread thread = new Thread(this::compute, "busy-" + i);
      thread.setDaemon(true);
      thread.start();
      threads.add(thread);
    }
  }

  private void compute() {
    while (!closed) {
      Thread.onSpinWait();
    }
  }

  @Override
  public void close() {
    closed = true;
  }
}
