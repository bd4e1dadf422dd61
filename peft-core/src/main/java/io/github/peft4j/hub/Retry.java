package io.github.peft4j.hub;

import java.time.Duration;

/**
 * How often a request is tried, and how long to wait between.
 *
 * @param attempts without progress, before it fails
 * @param first the wait after the first failure; it doubles with each
 * @param longest the longest wait
 * @param patience the longest wait that a server may ask for
 * @param clock waits
 */
record Retry(int attempts, Duration first, Duration longest, Duration patience, Clock clock) {

  static final Retry USUAL =
      new Retry(
          5,
          Duration.ofSeconds(1),
          Duration.ofSeconds(8),
          Duration.ofMinutes(6),
          duration -> Thread.sleep(duration.toMillis()));

  /** What waits. Tests replace it. */
  interface Clock {
    /**
     * Waits.
     *
     * @throws InterruptedException if the thread is interrupted
     */
    void sleep(Duration duration) throws InterruptedException;
  }

  /** A single attempt, for when the cache has an answer too. */
  Retry once() {
    return new Retry(1, first, longest, patience, clock);
  }

  /**
   * Waits after a failure.
   *
   * @param failures so far
   * @throws HubException if that was the last attempt, or the server asks for too long a wait
   */
  void pause(String what, int failures, Failure failure) {
    Duration wait = failure.retryAfter();
    if (failures >= attempts) {
      throw new HubException(
          "%s: %s%s"
              .formatted(
                  what, failure.message(), failures > 1 ? " (tried " + failures + " times)" : ""),
          failure.cause());
    }
    if (wait.compareTo(patience) > 0) {
      throw new HubException(
          "%s: %s. The server asks to wait for %d seconds: try again then"
              .formatted(what, failure.message(), wait.toSeconds()));
    }
    Duration backoff = first.multipliedBy(1L << Math.min(failures - 1, 20));
    if (backoff.compareTo(longest) > 0) {
      backoff = longest;
    }
    try {
      clock.sleep(wait.isZero() ? backoff : wait);
    } catch (InterruptedException e) {
      throw interrupted(what, e);
    }
  }

  static HubException interrupted(String what, InterruptedException e) {
    Thread.currentThread().interrupt();
    return new HubException(what + ": the thread was interrupted", e);
  }
}
