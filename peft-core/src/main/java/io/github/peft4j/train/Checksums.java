package io.github.peft4j.train;

import io.github.peft4j.io.AtomicFiles;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;

/**
 * The SHA-256 of each file of a folder, in {@value #FILE} as {@code sha256sum} writes and checks
 * it: {@code sha256sum -c SHA256SUMS}.
 */
final class Checksums {

  static final String FILE = "SHA256SUMS";

  private Checksums() {}

  /** Writes the checksums of all other files in the folder. */
  static void write(Path folder) throws IOException {
    StringBuilder lines = new StringBuilder();
    for (Path file : files(folder)) {
      lines.append(sha256(file)).append("  ").append(file.getFileName()).append('\n');
    }
    AtomicFiles.writeText(folder.resolve(FILE), lines.toString());
  }

  /**
   * Checks that the files of a folder are unchanged.
   *
   * @throws IllegalArgumentException if a file was changed, naming it
   * @throws IOException if a file cannot be read
   */
  static void verify(Path folder) throws IOException {
    Path sums = folder.resolve(FILE);
    List<String> lines = Files.readAllLines(sums);
    if (lines.isEmpty()) {
      throw new IllegalArgumentException(sums + " is empty");
    }
    for (String line : lines) {
      String[] parts = line.split("  ", 2);
      if (parts.length != 2 || parts[1].contains("/")) {
        throw new IllegalArgumentException(sums + " is damaged: '" + line + "'");
      }
      Path file = folder.resolve(parts[1]);
      if (!sha256(file).equals(parts[0])) {
        throw new IllegalArgumentException(
            file + " is damaged: its SHA-256 is not the one in " + FILE);
      }
    }
  }

  private static List<Path> files(Path folder) throws IOException {
    try (Stream<Path> children = Files.list(folder)) {
      return children.filter(Files::isRegularFile).sorted().toList();
    }
  }

  private static String sha256(Path file) throws IOException {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JVM has SHA-256", e);
    }
    try (InputStream in = new DigestInputStream(Files.newInputStream(file), digest)) {
      in.transferTo(java.io.OutputStream.nullOutputStream());
    }
    return HexFormat.of().formatHex(digest.digest());
  }
}
