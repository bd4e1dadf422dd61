package io.github.peft4j.io;

import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.function.Consumer;

/** Random access to bytes in a file or in memory. Several threads may read at once. */
public interface Bytes extends Closeable {
  /**
   * Returns the number of bytes.
   *
   * @throws IOException if the file cannot be asked
   */
  long size() throws IOException;

  /**
   * Returns read-only bytes, which are not copied.
   *
   * @param offset the first byte; the run must lie within the size
   * @param length the number of bytes
   * @throws IOException if the file cannot be mapped
   */
  ByteBuffer slice(long offset, int length) throws IOException;

  /**
   * Passes a run of bytes on, in order, in one or several little-endian slices. A slice is valid
   * until {@code sink} returns.
   *
   * @param what the run is, and of which file, for errors
   * @param most bytes of a slice
   * @throws UncheckedIOException if the file cannot be mapped, or becomes shorter meanwhile
   */
  default void read(String what, long offset, long length, int most, Consumer<ByteBuffer> sink) {
    for (long at = 0; at < length; at += most) {
      int part = (int) Math.min(most, length - at);
      try {
        sink.accept(slice(offset + at, part).order(ByteOrder.LITTLE_ENDIAN));
      } catch (IOException e) {
        throw new UncheckedIOException("cannot read %s: %s".formatted(what, e.getMessage()), e);
      } catch (InternalError e) { // what the JVM makes of memory whose file is gone
        throw new UncheckedIOException(
            ("cannot read %s: the file became shorter while it was read, or the disk failed; fetch"
                    + " it again")
                .formatted(what),
            new IOException(e));
      }
    }
  }

  /**
   * Reads something of a file's bytes.
   *
   * @param <R> what is read, and closes the bytes
   */
  @FunctionalInterface
  interface Reader<R> {

    /** Reads it. If this fails, the bytes are closed. */
    R read(Bytes bytes) throws IOException;
  }

  /**
   * Opens a file.
   *
   * @return what is read, which owns the bytes from now on
   * @throws UncheckedIOException naming the file, if it is not there or cannot be read
   */
  static <R> R open(Path path, Reader<R> reader) {
    try {
      Bytes bytes = of(FileChannel.open(path));
      try {
        return reader.read(bytes);
      } catch (IOException | RuntimeException | Error e) {
        bytes.close();
        throw e;
      }
    } catch (NoSuchFileException e) {
      throw new UncheckedIOException("cannot read %s: there is no such file".formatted(path), e);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read %s: %s".formatted(path, e), e);
    }
  }

  /**
   * Checks that a file still has bytes that it had before.
   *
   * @throws IOException if it became shorter
   */
  static void requireSize(long needed, long size) throws IOException {
    if (size < needed) {
      throw new IOException(
          "the file has %d bytes, and %d are needed: it became shorter while it was read; fetch it again"
              .formatted(size, needed));
    }
  }

  /** The bytes of a file, mapped on demand. Closing closes the file. */
  static Bytes of(FileChannel file) {
    return new Bytes() {
      @Override
      public long size() throws IOException {
        return file.size();
      }

      @Override
      public ByteBuffer slice(long offset, int length) throws IOException {
        requireSize(offset + length, file.size());
        return file.map(FileChannel.MapMode.READ_ONLY, offset, length);
      }

      @Override
      public void close() throws IOException {
        file.close();
      }
    };
  }

  /** The bytes of a buffer, from position to limit, not copied. There is nothing to close. */
  static Bytes of(ByteBuffer buffer) {
    ByteBuffer whole = buffer.slice().asReadOnlyBuffer();
    return new Bytes() {
      @Override
      public long size() {
        return whole.limit();
      }

      @Override
      public ByteBuffer slice(long offset, int length) {
        return whole.slice(Math.toIntExact(offset), length);
      }

      @Override
      public void close() {}
    };
  }
}
