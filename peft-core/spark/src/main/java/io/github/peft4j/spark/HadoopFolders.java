package io.github.peft4j.spark;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Folders of Hadoop's file systems, as copies on this host's disk until this is closed. */
final class HadoopFolders implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(HadoopFolders.class);

  private final Configuration configuration;
  private final List<Path> copies = new ArrayList<>();

  HadoopFolders(Configuration configuration) {
    this.configuration = configuration;
  }

  /** Whether a place is a URI of a file system, such as {@code hdfs:///models/bert}. */
  static boolean isUri(String place) {
    return place.matches("[a-zA-Z][a-zA-Z0-9+.-]+:/.*");
  }

  /**
   * The place on this host: that of a copy for a URI, else the place itself.
   *
   * @throws UncheckedIOException if it cannot be copied
   */
  String local(String place) {
    if (!isUri(place)) {
      return place;
    }
    try {
      Path copy = LocalFolders.create("peft4j-model-");
      copies.add(copy);
      download(place, copy);
      return copy.toString();
    } catch (IOException e) {
      throw new UncheckedIOException(
          "cannot copy %s to this host's disk: %s".formatted(place, e.getMessage()), e);
    }
  }

  /** Copies what is in a folder, and in its folders. */
  void download(String uri, Path to) throws IOException {
    org.apache.hadoop.fs.Path from = new org.apache.hadoop.fs.Path(uri);
    FileSystem files = from.getFileSystem(configuration);
    for (FileStatus child : files.listStatus(from)) {
      files.copyToLocalFile(
          false,
          child.getPath(),
          new org.apache.hadoop.fs.Path(to.resolve(child.getPath().getName()).toUri()),
          true);
    }
  }

  @Override
  public void close() {
    for (Path copy : copies) {
      try {
        LocalFolders.delete(copy);
      } catch (IOException | UncheckedIOException e) {
        LOG.warn("cannot delete {}, a copy of a model: {}", copy, e.toString());
      }
    }
  }
}
