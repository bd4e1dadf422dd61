package io.github.peft4j.data.format;

import io.github.peft4j.data.DataException;
import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

/**
 * The bytes of a file, unpacked, read from any position. Small contents are held in memory. Larger
 * ones stay on disk: in the file itself or, if it was packed, in a temporary file. Safe for use by
 * many threads.
 */
abstract class Content {

  /** Up to 64 MiB of a table are held in memory, and less where Java's heap is small. */
  static final int MOST_HELD = (int) Math.min(64 << 20, Runtime.getRuntime().maxMemory() / 16);

  private static final int GZIP = 0x8b1f;

  /** The number of bytes. */
  abstract long size();

  /** Fills an array with the bytes from a position on, which must be there. */
  abstract void read(long position, byte[] into, int length);

  /** Whether the bytes are in memory. */
  boolean held() {
    return false;
  }

  byte[] read(long position, int length) {
    byte[] bytes = new byte[length];
    read(position, bytes, length);
    return bytes;
  }

  /** Opens a file, plain or gzipped, which its first bytes tell. */
  static Content of(Path path, int mostHeld) {
    if (Files.isDirectory(path)) {
      throw new DataException(path + " is a folder, expected a file");
    }
    try (InputStream in = new BufferedInputStream(Files.newInputStream(path))) {
      in.mark(2);
      int magic = in.read() | in.read() << 8;
      in.reset();
      if (magic == GZIP) {
        return unpacked(path, in, mostHeld);
      }
      long size = Files.size(path);
      return size <= mostHeld ? new HeldContent(in.readAllBytes()) : new FileContent(path);
    } catch (NoSuchFileException e) {
      throw new UncheckedIOException("there is no file " + path, e);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + path + ": " + e, e);
    }
  }

  private static Content unpacked(Path path, InputStream packed, int mostHeld) throws IOException {
    try (ContentWriter writer = new ContentWriter(mostHeld)) {
      try (InputStream in = new GZIPInputStream(packed, 1 << 16)) {
        in.transferTo(writer);
      } catch (EOFException | ZipException e) {
        throw damage(path, writer, e);
      }
      return writer.finish();
    }
  }

  private static DataException damage(Path path, ContentWriter writer, IOException e) {
    return new DataException(
        ("%s: the gzip file is truncated or damaged after %,d unpacked bytes (%s)."
                + " Copy or download it again")
            .formatted(path, writer.size(), e.getMessage()),
        e);
  }
}
