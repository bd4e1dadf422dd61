package io.github.peft4j.io.torch;

import io.github.peft4j.io.FileRegion;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/** The storages of a file, whose bytes tensors are made of. */
interface Storages extends Closeable {

  /** The tensors that are made of them. */
  Map<String, StateDict.Tensor> tensors();

  /** Lists of whole numbers beside the tensors, by name. */
  default Map<String, long[]> numbers() {
    return Map.of();
  }

  /**
   * Passes bytes of a storage in order, in buffers that hold whole elements. They lie within the
   * storage.
   *
   * @throws IOException if the file cannot be read
   */
  void read(StateDict.Storage storage, long offset, long length, Consumer<ByteBuffer> sink)
      throws IOException;

  /** The place in a file of bytes of a storage, if there is one. */
  Optional<FileRegion> region(StateDict.Storage storage, long offset, long length);
}
