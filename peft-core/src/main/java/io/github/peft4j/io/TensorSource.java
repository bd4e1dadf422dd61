package io.github.peft4j.io;

import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Named tensors that are read on demand. Names are Hugging Face's; data is row-major and
 * little-endian. Several threads may read a source at once.
 *
 * <p>Every method that takes a name throws {@link NoSuchTensorException} if there is no such
 * tensor. Methods that read data throw {@link java.io.UncheckedIOException} if the file cannot be
 * read.
 */
public interface TensorSource extends AutoCloseable {

  /** Returns the names of all tensors, in the order of the file. */
  Set<String> names();

  /** Returns the type and shape of a tensor. */
  TensorInfo info(String name);

  /**
   * Passes the bytes of a tensor to {@code sink}, in order, in one or several buffers. A buffer is
   * little-endian and read-only, holds whole elements, and is valid until {@code sink} returns. For
   * a tensor without elements, {@code sink} is not called.
   */
  void read(String name, Consumer<ByteBuffer> sink);

  /**
   * Returns the region of a file that holds a tensor's bytes exactly as {@link #read} passes them,
   * or nothing if there is none.
   */
  Optional<FileRegion> region(String name);

  /**
   * Returns the elements of a floating-point tensor, row-major, rounded to single precision.
   *
   * @throws IllegalArgumentException if elements are integers, or more than an array can hold
   */
  default float[] floats(String name) {
    return Elements.floats(info(name), sink -> read(name, sink));
  }

  /**
   * Returns the elements of an integer or boolean tensor, row-major; false is 0 and true is 1.
   *
   * @throws IllegalArgumentException if elements are floating-point, or more than an array can hold
   */
  default long[] longs(String name) {
    return Elements.longs(info(name), sink -> read(name, sink));
  }

  /** Releases the file, if one is held open: reading may fail afterwards. */
  @Override
  void close();
}
