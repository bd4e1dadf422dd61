package io.github.peft4j.hub;

import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Adds up what several threads download, and tells a listener. */
final class Progress {

  private static final Logger LOG = LoggerFactory.getLogger(Progress.class);

  private final DownloadListener listener;
  private final long total;
  private long done;
  private boolean failed;

  Progress(DownloadListener listener, long total) {
    this.listener = listener;
    this.total = total;
  }

  /** More bytes are there, or fewer. */
  synchronized void add(long bytes) {
    done += bytes;
    tell(to -> to.onProgress(done, total));
  }

  synchronized void tell(Consumer<DownloadListener> event) {
    if (failed) {
      return;
    }
    try {
      event.accept(listener);
    } catch (RuntimeException e) {
      failed = true;
      LOG.warn("a listener failed and is told no more of this download", e);
    }
  }
}
