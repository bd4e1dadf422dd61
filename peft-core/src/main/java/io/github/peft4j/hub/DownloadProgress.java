package io.github.peft4j.hub;

import io.github.peft4j.io.TerminalLine;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Shows a download: a bar on a terminal, and lines in the log now and then elsewhere. */
final class DownloadProgress implements DownloadListener {

  private static final Logger LOG = LoggerFactory.getLogger(DownloadProgress.class);
  private static final int WIDTH = 20;
  private static final Duration TERMINAL_INTERVAL = Duration.ofMillis(100);
  private static final Duration LOG_INTERVAL = Duration.ofSeconds(10);

  private final TerminalLine line;
  private final boolean terminal;
  private final LongSupplier nanoTime;

  private String id = "";
  private long start;
  private long shown;
  private long before;
  private long now;
  private boolean begun;

  DownloadProgress() {
    this(new TerminalLine(System.err), TerminalLine.isTerminal(), System::nanoTime);
  }

  DownloadProgress(TerminalLine line, boolean terminal, LongSupplier nanoTime) {
    this.line = line;
    this.terminal = terminal;
    this.nanoTime = nanoTime;
  }

  @Override
  public void onStart(String id, int files, long bytes) {
    this.id = id;
    start = nanoTime.getAsLong();
    shown = start;
    LOG.info("{}: downloading {}, {}", id, files == 1 ? "1 file" : files + " files", size(bytes));
  }

  @Override
  public void onProgress(long bytes, long total) {
    long time = nanoTime.getAsLong();
    if (!begun) { // what an earlier download left is no measure of speed
      begun = true;
      before = bytes;
    }
    now = bytes;
    Duration interval = terminal ? TERMINAL_INTERVAL : LOG_INTERVAL;
    if (time - shown < interval.toNanos() && !(terminal && bytes == total)) {
      return;
    }
    shown = time;
    if (terminal) {
      line.redraw(bar(bytes, total) + " " + id + ", " + status(bytes, total));
    } else {
      LOG.info("{}: {}", id, status(bytes, total));
    }
  }

  @Override
  public void onEnd(Path folder) {
    if (terminal) {
      line.end("%s: %s in %s".formatted(id, size(now), seconds()));
    } else {
      LOG.info("{}: {} in {}, in {}", id, size(now), seconds(), folder);
    }
  }

  @Override
  public void onFailure(RuntimeException failure) {
    if (terminal) {
      line.end(id + ": broken off after " + size(now));
    }
  }

  private String status(long bytes, long total) {
    double speed = (bytes - before) / Math.max(1e-9, (nanoTime.getAsLong() - start) / 1e9);
    return "%s of %s, %s/s".formatted(size(bytes), size(total), size((long) Math.max(0, speed)));
  }

  private String seconds() {
    return String.format(Locale.ROOT, "%.0f s", (nanoTime.getAsLong() - start) / 1e9);
  }

  private static String bar(long bytes, long total) {
    int done = (int) (WIDTH * (double) bytes / Math.max(1, total));
    return "[" + "=".repeat(done) + " ".repeat(Math.max(0, WIDTH - done)) + "]";
  }

  /** A size in decimal units, as the hub's pages give it. */
  static String size(long bytes) {
    if (bytes < 1_000_000) {
      return String.format(Locale.ROOT, "%.0f kB", bytes / 1e3);
    }
    return bytes < 1_000_000_000
        ? String.format(Locale.ROOT, "%.1f MB", bytes / 1e6)
        : String.format(Locale.ROOT, "%.2f GB", bytes / 1e9);
  }
}
