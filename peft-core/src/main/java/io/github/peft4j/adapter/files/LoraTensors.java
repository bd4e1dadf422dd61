package io.github.peft4j.adapter.files;

import io.github.peft4j.gguf.GgufLora.Tensor;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.FileRegion;
import io.github.peft4j.io.NoSuchTensorException;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.TensorSource;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/**
 * The matrices of an adapter that were read out of a GGUF file, in memory.
 *
 * @param file that they come from
 */
record LoraTensors(Path file, Map<String, Tensor> tensors) implements TensorSource {

  @Override
  public Set<String> names() {
    return tensors.keySet();
  }

  private Tensor tensor(String name) {
    Tensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new NoSuchTensorException(file, name, names());
    }
    return tensor;
  }

  @Override
  public TensorInfo info(String name) {
    return new TensorInfo(name, DType.F32, tensor(name).shape());
  }

  @Override
  public void read(String name, Consumer<ByteBuffer> sink) {
    float[] numbers = tensor(name).numbers();
    ByteBuffer bytes =
        ByteBuffer.allocate(numbers.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(numbers);
    sink.accept(bytes.asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN));
  }

  @Override
  public Optional<FileRegion> region(String name) {
    return Optional.empty();
  }

  @Override
  public void close() {}

  @Override
  public String toString() {
    return file.toString();
  }
}
