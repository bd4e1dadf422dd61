package io.github.peft4j.spark;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.Stream;
import org.apache.spark.SparkEnv;

/**
 * Temporary folders on this host's disk. They are among Spark's own files (spark.local.dir), which
 * the cluster removes at the latest when the application ends, also those of a killed executor.
 */
final class LocalFolders {

  private LocalFolders() {}

  /** Creates a folder on the disk with the most space. */
  static Path create(String prefix) throws IOException {
    File[] disks = SparkEnv.get().blockManager().diskBlockManager().localDirs();
    File disk =
        Arrays.stream(disks).max(Comparator.comparingLong(File::getUsableSpace)).orElseThrow();
    return Files.createTempDirectory(disk.toPath(), prefix);
  }

  static void delete(Path tree) throws IOException {
    if (!Files.exists(tree)) {
      return;
    }
    try (Stream<Path> paths = Files.walk(tree)) {
      for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }
}
