package io.github.peft4j.transformer.checkpoint;

import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.kernel.TensorLoader;
import java.time.Duration;
import java.util.Locale;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Logs how far a model is loaded, every two seconds. A shorter load logs nothing. */
final class LoadProgress implements TensorLoader.Listener {

  private static final Logger LOG = LoggerFactory.getLogger(LoadProgress.class);
  private static final long INTERVAL = Duration.ofSeconds(2).toNanos();

  private final String model;
  private final long total;
  private final LongSupplier clock;
  private final long start;
  private long loaded;
  private long told;

  LoadProgress(TensorSource source) {
    this(source, System::nanoTime);
  }

  /**
   * Starts the clock.
   *
   * @param clock in nanoseconds
   */
  LoadProgress(TensorSource source, LongSupplier clock) {
    this.model = source.toString();
    this.total = source.names().stream().mapToLong(name -> source.info(name).byteCount()).sum();
    this.clock = clock;
    this.start = clock.getAsLong();
    this.told = start;
  }

  @Override
  public void loaded(TensorInfo info) {
    loaded += info.byteCount();
    long now = clock.getAsLong();
    if (now - told >= INTERVAL) {
      told = now;
      LOG.info(
          "{}: loaded {} of {} ({} %) in {} s",
          model,
          size(loaded),
          size(total),
          100 * loaded / Math.max(1, total),
          Duration.ofNanos(now - start).toSeconds());
    }
  }

  /** Logs how long it took, if anything was logged before. */
  void finish() {
    if (told > start) {
      long seconds = Duration.ofNanos(clock.getAsLong() - start).toSeconds();
      LOG.info("{}: loaded {} in {} s", model, size(loaded), seconds);
    }
  }

  private static String size(long bytes) {
    return bytes < 1_000_000_000
        ? bytes / 1_000_000 + " MB"
        : String.format(Locale.ROOT, "%.1f GB", bytes / 1e9);
  }
}
