package io.github.peft4j.spark;

import ai.djl.Device;
import io.github.peft4j.PeftModel;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.hadoop.conf.Configuration;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The models of this executor. The first task that needs a model loads it while the others wait. If
 * that fails, it has failed for all of them; a task that comes later tries again. When no task has
 * used a model for a while, it is closed, which frees its native memory.
 */
final class SharedModels {

  /** The models of this JVM. */
  static final SharedModels OF_EXECUTOR = new SharedModels();

  private static final Logger LOG = LoggerFactory.getLogger(SharedModels.class);

  private final Map<Key, Shared> models = new HashMap<>();
  private @Nullable ScheduledExecutorService closer;

  private record Key(ByteBuffer model, Device device) {}

  /** A model with the number of its users. Fields are guarded by {@link SharedModels}' lock. */
  private static final class Shared {
    private final String name;
    private @Nullable PeftModel model;
    private @Nullable HadoopFolders files;
    private @Nullable Throwable failure;
    private int users;
    private long uses;
    private @Nullable Future<?> closing;

    private Shared(String name) {
      this.name = name;
    }
  }

  /** A model in use until this is closed. */
  final class Lease implements AutoCloseable {

    private final Key key;
    private final Shared shared;
    private final PeftModel model;
    private final Duration idle;
    private boolean closed;

    private Lease(Key key, Shared shared, PeftModel model, Duration idle) {
      this.key = key;
      this.shared = shared;
      this.model = model;
      this.idle = idle;
    }

    PeftModel model() {
      return model;
    }

    @Override
    public void close() {
      synchronized (SharedModels.this) {
        if (!closed) {
          closed = true;
          giveBack(key, shared, idle);
        }
      }
    }
  }

  /**
   * Borrows a model, and loads it if this is the first use.
   *
   * @param idle how long the model stays loaded after its last use
   */
  Lease borrow(SparkModel model, Device device, Configuration configuration, Duration idle) {
    Key key = new Key(model.key(), device);
    Shared shared;
    synchronized (this) {
      shared = models.computeIfAbsent(key, k -> new Shared(model.toString()));
      shared.users++;
      shared.uses++;
      if (shared.closing != null) {
        shared.closing.cancel(false);
      }
    }
    try {
      synchronized (shared) {
        PeftModel loaded = shared.model;
        if (shared.failure != null) { // of a task that loaded while this one waited
          throw new IllegalStateException(
              "%s cannot be loaded: %s".formatted(model, shared.failure), shared.failure);
        }
        if (loaded == null) {
          loaded = load(shared, model, device, configuration);
        }
        return new Lease(key, shared, loaded, idle);
      }
    } catch (RuntimeException | Error e) {
      synchronized (this) {
        models.remove(key, shared); // who comes from now on tries anew
        giveBack(key, shared, idle);
      }
      throw e;
    }
  }

  private static PeftModel load(
      Shared shared, SparkModel model, Device device, Configuration configuration) {
    long start = System.nanoTime();
    HadoopFolders files = new HadoopFolders(configuration);
    try {
      PeftModel loaded = model.load(device, files);
      shared.model = loaded;
      shared.files = files;
      LOG.info(
          "loaded {} on {} in {} s, for all tasks of this executor",
          model,
          device,
          "%.1f".formatted((System.nanoTime() - start) / 1e9));
      return loaded;
    } catch (RuntimeException | Error e) {
      shared.failure = e;
      files.close();
      throw e;
    }
  }

  /** Called with the lock. */
  private void giveBack(Key key, Shared shared, Duration idle) {
    shared.users--;
    long uses = shared.uses;
    if (shared.users == 0) {
      if (shared.model == null || idle.isZero()) {
        close(key, shared);
      } else {
        shared.closing =
            closer()
                .schedule(
                    () -> closeIfUnused(key, shared, uses), idle.toMillis(), TimeUnit.MILLISECONDS);
      }
    }
  }

  private synchronized void closeIfUnused(Key key, Shared shared, long uses) {
    if (shared.users == 0 && shared.uses == uses) {
      close(key, shared);
    }
  }

  private void close(Key key, Shared shared) {
    models.remove(key, shared);
    if (shared.model != null) {
      shared.model.close();
      shared.model = null;
      LOG.info("closed {} on {}: no task uses it", shared.name, key.device());
    }
    if (shared.files != null) {
      shared.files.close();
      shared.files = null;
    }
  }

  private ScheduledExecutorService closer() {
    if (closer == null) {
      closer =
          Executors.newSingleThreadScheduledExecutor(
              task -> {
                Thread thread = new Thread(task, "peft4j-idle-models");
                thread.setDaemon(true);
                return thread;
              });
    }
    return closer;
  }

  /** Whether a model is loaded, on any device. */
  synchronized boolean isLoaded(SparkModel model) {
    return models.entrySet().stream()
        .anyMatch(
            entry -> entry.getKey().model().equals(model.key()) && entry.getValue().model != null);
  }
}
