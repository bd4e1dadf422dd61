package io.github.peft4j.gguf;

import io.github.peft4j.gguf.TensorNames.Named;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.FileRegion;
import io.github.peft4j.io.NoSuchTensorException;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.gguf.GgufFile;
import io.github.peft4j.kernel.TensorLoader;
import io.github.peft4j.quantization.FrozenMatrix;
import io.github.peft4j.quantization.QuantizedTensors;
import io.github.peft4j.quantization.gguf.GgufMatrix;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/**
 * The tensors of a GGUF file as Hugging Face has them. Matrices in blocks are plain numbers, or
 * stay in their blocks. It closes the file.
 */
final class GgufTensors implements QuantizedTensors {

  private static final int CHUNK = 1 << 16;

  private final GgufFile file;
  private final Map<String, Named> tensors;
  private final int head;
  private final boolean inBlocks;

  /**
   * @param tensors the tensors by Hugging Face's names
   * @param head d, the size of a head
   * @param inBlocks whether matrices stay in their blocks
   */
  GgufTensors(GgufFile file, Map<String, Named> tensors, int head, boolean inBlocks) {
    this.file = file;
    this.tensors = tensors;
    this.head = head;
    this.inBlocks = inBlocks;
  }

  @Override
  public boolean isQuantized(String name) {
    Named named = tensors.get(name);
    return inBlocks
        && named != null
        && named.transform() != Transform.ONE_PLUS
        && file.tensor(named.stored()).type().isQuantized()
        && file.tensor(named.stored()).shape().length == 2;
  }

  @Override
  public FrozenMatrix matrix(String name, boolean transposed, TensorLoader loader) {
    Named named = named(name);
    long[] order = null;
    if (named.transform() == Transform.HEAD_ROWS) {
      order = new long[(int) file.tensor(named.stored()).shape()[0]];
      for (int row = 0; row < order.length; row++) {
        order[row] = Transform.storedRow(row, head);
      }
    }
    return GgufMatrix.load(file, named.stored(), order, transposed, loader);
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(tensors.keySet());
  }

  private Named named(String name) {
    Named named = tensors.get(name);
    if (named == null) {
      throw new NoSuchTensorException(file, name, names());
    }
    return named;
  }

  @Override
  public TensorInfo info(String name) {
    Named named = named(name);
    TensorInfo stored = file.info(named.stored());
    if (isQuantized(name)) {
      return new TensorInfo(name, DType.F32, stored.shape());
    }
    return named.transform() == Transform.NONE
        ? new TensorInfo(name, stored.dtype(), stored.shape())
        : new TensorInfo(name, DType.F32, named.transform().shape(stored.shape()));
  }

  @Override
  public void read(String name, Consumer<ByteBuffer> sink) {
    Named named = named(name);
    if (isQuantized(name)) {
      throw new IllegalStateException(name + " stays in blocks: ask for its matrix");
    }
    if (named.transform() == Transform.NONE) {
      file.read(named.stored(), sink);
      return;
    }
    long[] shape = file.info(named.stored()).shape();
    float[] numbers = named.transform().read(file.floats(named.stored()), shape, head);
    for (int at = 0; at < numbers.length; at += CHUNK) {
      int count = Math.min(CHUNK, numbers.length - at);
      ByteBuffer bytes = ByteBuffer.allocate(count * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
      bytes.asFloatBuffer().put(numbers, at, count);
      sink.accept(bytes.asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN));
    }
  }

  @Override
  public Optional<FileRegion> region(String name) {
    Named named = named(name);
    return named.transform() == Transform.NONE ? file.region(named.stored()) : Optional.empty();
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
