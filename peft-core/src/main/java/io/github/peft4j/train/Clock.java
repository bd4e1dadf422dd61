package io.github.peft4j.train;

/** Measures the duration of a run. */
final class Clock {

  private long startNanos = System.nanoTime();
  private double before;
  private double training;

  /**
   * Starts the clock.
   *
   * @param before seconds of earlier processes of the run
   */
  void start(double before) {
    this.startNanos = System.nanoTime();
    this.before = before;
  }

  /** Adds the seconds of a step. */
  void trained(double seconds) {
    training += seconds;
  }

  /** Seconds of this process. */
  double seconds() {
    return (System.nanoTime() - startNanos) / 1e9;
  }

  /** Seconds of this process's steps, without evaluations and checkpoints. */
  double trainingSeconds() {
    return training;
  }

  /** Seconds of this process and of earlier ones. */
  double total() {
    return before + seconds();
  }
}
