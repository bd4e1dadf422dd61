package io.github.peft4j.examples.bench;

import io.github.peft4j.data.batch.Batch;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * How long work takes.
 *
 * @param seconds of each measured step
 * @param cpuSeconds of all threads together in all measured steps, which other programs on the
 *     machine hardly change
 * @param tokens that count, in all measured steps
 */
record Timing(List<Double> seconds, double cpuSeconds, long tokens) {

  /**
   * Measures work on one batch several times, or on each batch of an epoch once.
   *
   * @param warmUp steps before, in which the JVM compiles
   * @param steps measured steps on one batch
   */
  static Timing of(Work work, List<Batch> batches, int warmUp, int steps) {
    for (int i = 0; i < warmUp; i++) {
      work.run(batches.get(i % batches.size()));
    }
    int measured = batches.size() == 1 ? steps : batches.size();
    List<Double> seconds = new ArrayList<>();
    long tokens = 0;
    Duration cpu = cpu();
    for (int i = 0; i < measured; i++) {
      Batch batch = batches.get(i % batches.size());
      long start = System.nanoTime();
      work.run(batch);
      seconds.add((System.nanoTime() - start) / 1e9);
      tokens += work.tokens(batch);
    }
    return new Timing(seconds, cpu().minus(cpu).toMillis() / 1e3, tokens);
  }

  private static Duration cpu() {
    return ProcessHandle.current().info().totalCpuDuration().orElse(Duration.ZERO);
  }

  double medianSeconds() {
    return seconds.stream().sorted().toList().get(seconds.size() / 2);
  }

  /**
   * Tokens a second. Equal steps count by their median, which a pause of the machine does not
   * change; unequal ones by their sum.
   */
  double tokensPerSecond(boolean equal) {
    double total =
        equal
            ? seconds.size() * medianSeconds()
            : seconds.stream().mapToDouble(second -> second).sum();
    return tokens / total;
  }
}
