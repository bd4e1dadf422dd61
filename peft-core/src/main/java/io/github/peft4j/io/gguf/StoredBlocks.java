package io.github.peft4j.io.gguf;

import io.github.peft4j.io.DType;
import io.github.peft4j.io.FileRegion;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.TensorSource;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/** The tensors of a file as bytes. See {@link GgufFile#stored}. */
final class StoredBlocks implements TensorSource {
  private final GgufFile file;

  StoredBlocks(GgufFile file) {
    this.file = file;
  }

  @Override
  public Set<String> names() {
    return file.names();
  }

  @Override
  public TensorInfo info(String name) {
    GgufTensor tensor = file.tensor(name);
    long[] shape = tensor.shape().length == 0 ? new long[] {1} : tensor.shape();
    int last = shape.length - 1;
    shape[last] = shape[last] / tensor.type().blockElements() * tensor.type().blockBytes();
    return new TensorInfo(name, DType.U8, shape);
  }

  @Override
  public void read(String name, Consumer<ByteBuffer> sink) {
    file.readBlocks(name, sink);
  }

  @Override
  public Optional<FileRegion> region(String name) {
    return file.blocks(name);
  }

  @Override
  public void close() {
    file.close();
  }

  @Override
  public String toString() {
    return file.toString();
  }
}
