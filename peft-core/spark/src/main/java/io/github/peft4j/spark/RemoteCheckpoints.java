package io.github.peft4j.spark;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;

/**
 * Checkpoints in a folder of a Hadoop file system: the same as in a folder of this host, which is
 * filled from there before a run, and copied there after each checkpoint.
 */
final class RemoteCheckpoints {

  private static final String NAME = "checkpoint-\\d{1,18}";
  private static final String PART = "\\." + NAME + "\\.tmp";

  private final org.apache.hadoop.fs.Path folder;
  private final FileSystem files;

  RemoteCheckpoints(String uri, Configuration configuration) {
    try {
      this.folder = new org.apache.hadoop.fs.Path(uri);
      this.files = folder.getFileSystem(configuration);
    } catch (IOException | IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "checkpointTo(\"%s\"): %s".formatted(uri, e.getMessage()), e);
    }
  }

  /** Writes and deletes a file, so that a folder that cannot be written is found at the start. */
  void requireWritable() {
    org.apache.hadoop.fs.Path probe =
        new org.apache.hadoop.fs.Path(folder, ".probe-" + UUID.randomUUID());
    try {
      files.mkdirs(folder);
      files.create(probe).close();
      files.delete(probe, false);
    } catch (IOException e) {
      throw new IllegalArgumentException(
          "checkpointTo(\"%s\"): the folder cannot be written: %s"
              .formatted(folder, e.getMessage()),
          e);
    }
  }

  /** Copies all checkpoints to a folder of this host. */
  void download(Path to) throws IOException {
    if (!files.exists(folder)) {
      return;
    }
    for (FileStatus checkpoint : files.listStatus(folder)) {
      String name = checkpoint.getPath().getName();
      if (name.matches(NAME)) {
        files.copyToLocalFile(false, checkpoint.getPath(), local(to.resolve(name)), true);
      }
    }
  }

  /**
   * Copies a checkpoint from this host. It has another name until it is complete. Checkpoints that
   * this host no longer has are removed, and parts that a killed executor has left.
   */
  void upload(Path checkpoint) throws IOException {
    String name = checkpoint.getFileName().toString();
    org.apache.hadoop.fs.Path part = new org.apache.hadoop.fs.Path(folder, "." + name + ".tmp");
    org.apache.hadoop.fs.Path whole = new org.apache.hadoop.fs.Path(folder, name);
    files.mkdirs(folder);
    files.delete(part, true);
    files.copyFromLocalFile(false, true, local(checkpoint), part);
    files.delete(whole, true);
    if (!files.rename(part, whole)) {
      throw new IOException("cannot rename %s to %s".formatted(part, whole));
    }
    Set<String> kept = names(Objects.requireNonNull(checkpoint.getParent()));
    for (FileStatus old : files.listStatus(folder)) {
      String other = old.getPath().getName();
      if (other.matches(PART) || (other.matches(NAME) && !kept.contains(other))) {
        files.delete(old.getPath(), true);
      }
    }
  }

  private static Set<String> names(Path folder) throws IOException {
    try (Stream<Path> children = Files.list(folder)) {
      return children.map(path -> path.getFileName().toString()).collect(Collectors.toSet());
    }
  }

  private static org.apache.hadoop.fs.Path local(Path path) {
    return new org.apache.hadoop.fs.Path(path.toUri());
  }
}
