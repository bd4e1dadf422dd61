package io.github.peft4j.hub;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLockInterruptionException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One thread of one process at a time downloads a blob. The file is the one that huggingface_hub
 * locks. On Linux its locks (flock) and the JDK's (fcntl) do not see each other: then both programs
 * may download the same file, each under a name of its own, and the last one wins with the same
 * content.
 */
final class BlobLock implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(BlobLock.class);

  /** A process cannot lock a file twice, not even from two threads. */
  private static final Map<Path, ReentrantLock> IN_PROCESS = new ConcurrentHashMap<>();

  private final ReentrantLock thread;
  private final @Nullable FileChannel file;

  private BlobLock(ReentrantLock thread, @Nullable FileChannel file) {
    this.thread = thread;
    this.file = file;
  }

  /**
   * Waits for the lock.
   *
   * @throws InterruptedException if the thread is interrupted
   */
  static BlobLock take(Path path) throws InterruptedException {
    ReentrantLock thread =
        IN_PROCESS.computeIfAbsent(path.toAbsolutePath().normalize(), key -> new ReentrantLock());
    thread.lockInterruptibly();
    try {
      return new BlobLock(thread, lock(path));
    } catch (InterruptedException | RuntimeException e) {
      thread.unlock();
      throw e;
    }
  }

  /** A locked channel, or null where the file system has no locks. */
  @SuppressWarnings("MustBeClosed") // close() does
  private static @Nullable FileChannel lock(Path path) throws InterruptedException {
    FileChannel channel = null;
    try {
      Files.createDirectories(path.getParent());
      channel = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      if (channel.tryLock() == null) {
        LOG.info("another program downloads the same file; waiting for {}", path);
        channel.lock();
      }
      return channel;
    } catch (FileLockInterruptionException | ClosedByInterruptException e) {
      close(channel);
      throw new InterruptedException(path.toString());
    } catch (IOException e) {
      close(channel);
      LOG.warn("{} cannot be locked ({}): let no other program download this model now", path, e);
      return null;
    }
  }

  private static void close(@Nullable FileChannel channel) {
    try {
      if (channel != null) {
        channel.close();
      }
    } catch (IOException e) {
      LOG.debug("cannot close a lock", e);
    }
  }

  @Override
  public void close() {
    close(file);
    thread.unlock();
  }
}
