package io.github.peft4j.io;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;

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

  /** The bytes of a file, mapped on demand. Closing closes the file. */
  static Bytes of(FileChannel file) {
    return new Bytes() {
      @Override
      public long size() throws IOException {
        return file.size();
      }

      @Override
      public ByteBuffer slice(long offset, int length) throws IOException {
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
