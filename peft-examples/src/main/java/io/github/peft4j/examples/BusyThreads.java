package io.github.peft4j.examples;

import java.util.ArrayList;
import java.util.List;

/** Threads that compute until they are closed, as other processes on the machine would. */
final class BusyThreads implements AutoCloseable {

  private final List<Thread> threads = new ArrayList<>();
  private volatile boolean closed;

  BusyThreads(int count) {
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
