package io.github.peft4j.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.function.Consumer;

/** The source of a tensor's bytes, read when a file is written. */
@FunctionalInterface
public interface TensorData {

  /** Passes the bytes, little-endian and row-major, in order, in any number of buffers. */
  void read(Consumer<ByteBuffer> sink);

  /**
   * The elements, rounded to single precision.
   *
   * @param info what the bytes are
   * @throws IllegalArgumentException if they are integers, or more than an array can hold
   */
  default float[] floats(TensorInfo info) {
    return Elements.floats(info, this::read);
  }

  /**
   * Writes the bytes into a channel that writes every buffer to its end.
   *
   * @param tensor what it is called in the message
   * @param expected the number of bytes
   * @throws IllegalStateException if there are more or fewer bytes
   * @throws IOException if writing fails
   */
  default void write(Object tensor, long expected, WritableByteChannel out) throws IOException {
    long[] written = {0};
    try {
      read(
          bytes -> {
            try {
              written[0] += out.write(bytes);
            } catch (IOException e) {
              throw new WriteFailure(e);
            }
          });
    } catch (WriteFailure e) {
      throw e.io();
    }
    if (written[0] != expected) {
      throw new IllegalStateException(
          "tensor %s handed out %d bytes, expected %d".formatted(tensor, written[0], expected));
    }
  }
}
