package io.github.peft4j.train;

/** Asks a training to end after its present step. Any thread may give the signal. */
final class StopSignal {

  private volatile boolean given;
  private volatile boolean byShutdown;

  /** Asks the training to end. */
  void give() {
    given = true;
  }

  /** Asks the training to end soon, because the JVM is shutting down. */
  void giveByShutdown() {
    byShutdown = true;
    given = true;
  }

  boolean isGiven() {
    return given;
  }

  boolean isByShutdown() {
    return byShutdown;
  }
}
