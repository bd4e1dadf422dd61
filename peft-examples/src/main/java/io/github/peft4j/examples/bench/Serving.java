package io.github.peft4j.examples.bench;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.PeftModel;
import io.github.peft4j.TextModel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.transformer.pass.ModelInput;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Measures the rows a second of four threads with views of one model, and with one lock around each
 * call: the gain of a service that needs no lock.
 */
public final class Serving {

  private static final int THREADS = 4;

  private final PeftModel model;
  private final long[][] ids;
  private final double seconds;

  /**
   * Creates the measurement.
   *
   * @param ids input of one call (B, T)
   * @param seconds duration of the measurement of each way
   */
  public Serving(PeftModel model, long[][] ids, double seconds) {
    this.model = model;
    this.ids = ids;
    this.seconds = seconds;
  }

  /** Measures both ways in turns, and returns one line of JSON. */
  public String measure(String shape) {
    Object lock = new Object();
    TextModel view = model.using(PeftModel.DEFAULT);
    rows(() -> compute(view)); // the JVM compiles
    double locked = 0;
    double free = 0;
    int turns = 4;
    for (int i = 0; i < turns; i++) {
      free += rows(() -> compute(view)) / turns;
      locked +=
          rows(
                  () -> {
                    synchronized (lock) {
                      compute(view);
                    }
                  })
              / turns;
    }
    return String.format(
        Locale.ROOT,
        "{\"case\":\"serve\",\"shape\":\"%s\",\"threads\":%d,\"batch\":%d,\"length\":%d,"
            + "\"rows_per_second\":%.1f,\"rows_per_second_with_a_lock\":%.1f,\"ratio\":%.2f,"
            + "\"omp_num_threads\":\"%s\",\"omp_wait_policy\":\"%s\"}",
        shape,
        THREADS,
        ids.length,
        ids[0].length,
        free,
        locked,
        free / locked,
        System.getenv().getOrDefault("OMP_NUM_THREADS", ""),
        System.getenv().getOrDefault("OMP_WAIT_POLICY", ""));
  }

  private void compute(TextModel view) {
    try (Scope scope = new Scope()) {
      NDArray logits = view.logits(ModelInput.of(model.base().manager(), ids, null));
      logits.toFloatArray();
    }
  }

  private double rows(Runnable call) {
    AtomicLong calls = new AtomicLong();
    long start = System.nanoTime();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < THREADS; i++) {
      Thread thread =
          new Thread(
              () -> {
                while (System.nanoTime() - start < seconds * 1e9) {
                  call.run();
                  calls.incrementAndGet();
                }
              });
      thread.start();
      threads.add(thread);
    }
    for (Thread thread : threads) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
    return calls.get() * ids.length / ((System.nanoTime() - start) / 1e9);
  }
}
