package io.github.peft4j.train;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * A folder of checkpoints belongs to one run at a time. A second run of the same program would
 * remove what the first one writes.
 */
final class FolderClaim implements AutoCloseable {

  private static final Set<Path> CLAIMED = ConcurrentHashMap.newKeySet();

  private final @Nullable Path folder;

  /**
   * Claims a folder until this is closed.
   *
   * @param folder which need not exist; null for a run without checkpoints
   * @throws IllegalStateException if another run has it
   */
  FolderClaim(@Nullable Path folder) {
    this.folder = folder == null ? null : real(folder);
    if (this.folder != null && !CLAIMED.add(this.folder)) {
      throw new IllegalStateException(
          "another training of this program writes its checkpoints to "
              + folder
              + ": take another folder, or wait until that training has ended");
    }
  }

  private static Path real(Path folder) {
    try {
      return Files.exists(folder) ? folder.toRealPath() : folder.toAbsolutePath().normalize();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read the path of " + folder + ": " + e, e);
    }
  }

  @Override
  public void close() {
    if (folder != null) {
      CLAIMED.remove(folder);
    }
  }
}
