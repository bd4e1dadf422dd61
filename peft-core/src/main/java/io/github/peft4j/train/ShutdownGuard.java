package io.github.peft4j.train;

import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Ends a training in good order when the JVM shuts down, for example on SIGTERM or SIGINT.
 * PyTorch's destructors run at the end of the process: if a thread is still computing then, the
 * process may crash. A shutdown hook therefore signals the run to stop and waits for its end. The
 * training thread is then held, so that the program starts no further computation after the run. If
 * the run takes too long, the process is halted, and no destructor runs.
 */
final class ShutdownGuard implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(ShutdownGuard.class);

  /**
   * The exit status of a halted process. The status that belongs to the signal is not known here.
   */
  private static final int HALTED = 1;

  private final StopSignal signal;
  private final Duration longest;
  private final Thread trainer = Thread.currentThread();
  private final CountDownLatch ended = new CountDownLatch(1);
  private final Thread hook = new Thread(this::onShutdown, "peft4j-training-shutdown");
  private final boolean isSet;

  /**
   * Sets the hook for a run of the present thread.
   *
   * @param longest how long the hook waits; zero for no hook
   */
  ShutdownGuard(StopSignal signal, Duration longest) {
    this.signal = signal;
    this.longest = longest;
    this.isSet = !longest.isZero();
    if (isSet) {
      try {
        Runtime.getRuntime().addShutdownHook(hook);
      } catch (IllegalStateException shuttingDown) {
        signal.giveByShutdown();
      }
    }
  }

  private void onShutdown() {
    signal.giveByShutdown();
    if (isExiting(trainer)) {
      return; // the shutdown waits for this hook
    }
    try {
      if (ended.await(longest.toMillis(), TimeUnit.MILLISECONDS)) {
        return;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    LOG.error(
        "the training did not end its step within {} s of the JVM's shutdown: the process is"
            + " halted; the last checkpoint is as it was. FineTuner's shutdownWait sets the time",
        longest.toSeconds());
    Runtime.getRuntime().halt(HALTED);
  }

  /** Whether a listener of the training called {@code System.exit}. */
  private static boolean isExiting(Thread thread) {
    return Arrays.stream(thread.getStackTrace())
        .anyMatch(frame -> frame.getClassName().equals("java.lang.Shutdown"));
  }

  /** Removes the hook. During a shutdown, it holds the thread instead. */
  @Override
  public void close() {
    ended.countDown();
    if (!isSet) {
      return;
    }
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
      if (!signal.isByShutdown()) {
        return;
      }
    } catch (IllegalStateException shuttingDown) {
      signal.giveByShutdown();
    }
    hold();
  }

  /** Has a time limit, since another shutdown hook may wait for this thread. */
  private void hold() {
    try {
      Thread.sleep(longest.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
