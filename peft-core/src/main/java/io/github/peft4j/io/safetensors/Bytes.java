package io.github.peft4j.io.safetensors;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;

/** Random access to bytes in a file or in memory. */
interface Bytes extends Closeable {
  long size() throws IOException;

  /** Returns read-only bytes. They must lie within the size. */
  ByteBuffer slice(long offset, int length) throws IOException;

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
