package io.github.peft4j.train;

/** How long a run takes. */
final class Clock {

  private long startNanos = System.nanoTime();
  private double before;
  private double training;

  /**
   * Starts.
   *
   * @param before the seconds of former processes
   */
  void start(double before) {
    this.startNanos = System.nanoTime();
    this.before = before;
  }

  /** Notes the seconds of a step. */
  void trained(double seconds) {
    training += seconds;
  }

  /** Seconds of this process. */
  double seconds() {
    return (System.nanoTime() - startNanos) / 1e9;
  }

  /** Seconds of steps alone, of this process. */
  double trainingSeconds() {
    return training;
  }

  /** Seconds of this process and the former ones. */
  double total() {
    return before + seconds();
  }
}
