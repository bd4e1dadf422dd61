package io.github.peft4j.io;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A run of bytes in a file: where native code may map a tensor instead of having it copied.
 *
 * @param path the file
 * @param offset the first byte, counted from the start of the file
 * @param length the number of bytes
 */
public record FileRegion(Path path, long offset, long length) {

  /**
   * Checks that the file still has the bytes.
   *
   * @throws UncheckedIOException if it became shorter, or cannot be read
   */
  public void requireThere() {
    try {
      Bytes.requireSize(offset + length, Files.size(path));
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read %s: %s".formatted(path, e.getMessage()), e);
    }
  }
}
