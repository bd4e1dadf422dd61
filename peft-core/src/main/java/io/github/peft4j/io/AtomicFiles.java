package io.github.peft4j.io;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * Writes files completely or not at all. Content goes to a temporary file in the same folder, is
 * forced to the disk, and is then moved to the target. A reader, or a program that starts after a
 * crash, sees either the old file or the new one.
 *
 * <p>Missing folders are created. A target that is a symbolic link is replaced by a file; the file
 * that it pointed to, perhaps in a shared cache, stays as it is. Every method throws {@link
 * UncheckedIOException} if the file cannot be written; the target then keeps its old content, and
 * the temporary file is removed.
 */
public final class AtomicFiles {
  private AtomicFiles() {}

  /**
   * Code that writes the content of a file.
   *
   * @param <T> what it writes to
   */
  @FunctionalInterface
  public interface Content<T> {
    /**
     * Writes the content. The caller closes the target.
     *
     * @throws IOException if writing fails
     */
    void writeTo(T out) throws IOException;
  }

  /** Writes bytes. */
  public static void writeBytes(Path target, byte[] bytes) {
    writeStream(target, out -> out.write(bytes));
  }

  /** Writes text in UTF-8. */
  public static void writeText(Path target, String text) {
    writeBytes(target, text.getBytes(StandardCharsets.UTF_8));
  }

  /** Writes the bytes that {@code content} puts into a buffered stream. */
  public static void writeStream(Path target, Content<OutputStream> content) {
    writeChannel(
        target,
        channel -> {
          OutputStream out = new BufferedOutputStream(Channels.newOutputStream(channel), 1 << 16);
          content.writeTo(out);
          out.flush();
        });
  }

  /**
   * Writes the bytes that {@code content} puts into a channel, which writes every buffer to its
   * end.
   */
  public static void writeChannel(Path target, Content<WritableByteChannel> content) {
    try (FileGroup file = FileGroup.beside(target)) {
      file.write(FileGroup.name(target), content);
      file.commit();
    }
  }
}
