package io.github.peft4j.methods.adapter;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;

/** Threads that do their work over and over for some time, and what they find wrong. */
final class Crowd {

  private static final int MOST_WRONG = 10;

  private final Queue<String> wrong = new ConcurrentLinkedQueue<>();
  private final Map<String, AtomicLong> counts = new ConcurrentHashMap<>();
  private volatile boolean over;

  /** Each in a thread of its own. */
  void work(long milliseconds, List<Runnable> works) throws InterruptedException {
    over = false;
    List<Thread> threads = new ArrayList<>();
    for (Runnable work : works) {
      Thread thread = new Thread(() -> repeat(work));
      thread.start();
      threads.add(thread);
    }
    Thread.sleep(milliseconds);
    over = true;
    for (Thread thread : threads) {
      thread.join();
    }
  }

  private void repeat(Runnable work) {
    while (!over && wrong.size() < MOST_WRONG) {
      try {
        work.run();
      } catch (RuntimeException | Error e) {
        e.printStackTrace();
        wrong(e.toString());
      }
    }
  }

  void wrong(String what) {
    wrong.add(what);
  }

  /** What was wrong, if anything was. */
  List<String> wrong() {
    return List.copyOf(wrong);
  }

  void count(String what) {
    counts.computeIfAbsent(what, w -> new AtomicLong()).incrementAndGet();
  }

  /** How often each was counted. */
  Map<String, AtomicLong> counts() {
    return counts;
  }

  /**
   * Bytes of this process in memory, on Linux, without Java's heap. The system takes freed pages of
   * the heap back a little later: the least of several looks counts.
   */
  static long resident() throws IOException, InterruptedException {
    Path status = Path.of("/proc/self/statm");
    long least = Long.MAX_VALUE;
    for (int i = 0; i < 6 && Files.exists(status); i++) {
      System.gc();
      Thread.sleep(300);
      long all = Long.parseLong(Files.readString(status).split(" ", -1)[1]) * 4096;
      least = Math.min(least, all - Runtime.getRuntime().totalMemory());
    }
    return least;
  }
}
