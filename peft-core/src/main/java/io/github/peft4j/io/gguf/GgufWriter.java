package io.github.peft4j.io.gguf;

import io.github.peft4j.io.AtomicFiles;
import io.github.peft4j.io.TensorData;
import io.github.peft4j.io.TensorInfo;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Writes a GGUF file of version 3 as the gguf package of Python does, byte for byte: keys in their
 * order, tensors in the order in which they are added. Tensors are read, and quantised, one after
 * the other while the file is written, in pieces of a few hundred kilobytes.
 *
 * <pre>{@code
 * new GgufWriter(metadata)
 *     .add(source.info("model.norm.weight"), "output_norm.weight", GgufType.F32,
 *         sink -> source.read("model.norm.weight", sink))
 *     .write(Path.of("model.gguf"));
 * }</pre>
 */
public final class GgufWriter {

  /** llama.cpp reads names of up to 63 bytes. */
  private static final int LONGEST_NAME = 63;

  private final GgufMetadata metadata;
  private final int alignment;
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();

  private record Tensor(GgufType type, long[] shape, TensorData data) {}

  /**
   * A writer of no tensors yet.
   *
   * @throws GgufException if {@code general.alignment} is no power of two
   */
  public GgufWriter(GgufMetadata metadata) {
    this.metadata = metadata;
    this.alignment = metadata.alignment();
  }

  /**
   * Adds a tensor whose bytes are those of the file.
   *
   * @param name the name in the file
   * @param type how the numbers are stored
   * @param shape outermost dimension first
   * @param blocks passes as many bytes as {@link GgufType#byteCount} says; read when the file is
   *     written
   * @throws IllegalArgumentException if there already is a tensor of that name, if the name has
   *     more than 63 bytes or the shape more than four dimensions, or if the last dimension is no
   *     multiple of the type's block
   */
  public GgufWriter add(String name, GgufType type, long[] shape, TensorData blocks) {
    checkName(name);
    if (shape.length > HeaderReader.MOST_DIMENSIONS) {
      throw new IllegalArgumentException(
          "tensor %s has %d dimensions, and a GGUF file takes up to %d"
              .formatted(name, shape.length, HeaderReader.MOST_DIMENSIONS));
    }
    Tensor tensor = new Tensor(type, new GgufTensor(name, type, shape, 0).shape(), blocks);
    if (tensors.putIfAbsent(name, tensor) != null) {
      throw new IllegalArgumentException("two tensors are called " + name);
    }
    return this;
  }

  /**
   * Adds a tensor whose numbers become those of the file's type: rounded, or quantised as {@link
   * GgufType#quantize} does.
   *
   * @param info type and shape of the numbers that {@code numbers} passes
   * @param name the name in the file
   * @param type how the numbers are stored: a writable type, or for integers their own
   * @throws IllegalArgumentException as {@link #add(String, GgufType, long[], TensorData)}, and if
   *     the type does not take such numbers
   */
  public GgufWriter add(TensorInfo info, String name, GgufType type, TensorData numbers) {
    return add(name, type, info.shape(), type.blocks(info, numbers));
  }

  /** Adds all tensors of a file as they are. It must stay open until the new one is written. */
  public GgufWriter addAll(GgufFile file) {
    for (GgufTensor tensor : file.tensors()) {
      String name = tensor.name();
      add(name, tensor.type(), tensor.shape(), sink -> file.readBlocks(name, sink));
    }
    return this;
  }

  private static void checkName(String name) {
    if (!StandardCharsets.UTF_8.newEncoder().canEncode(name)) {
      throw new IllegalArgumentException("not valid Unicode: " + name);
    }
    int length = name.getBytes(StandardCharsets.UTF_8).length;
    if (length > LONGEST_NAME) {
      throw new IllegalArgumentException(
          "tensor %s has a name of %d bytes, and llama.cpp reads up to %d"
              .formatted(name, length, LONGEST_NAME));
    }
  }

  /**
   * Writes the file, whole or not at all.
   *
   * @throws IllegalStateException if a tensor hands out more or fewer bytes than its shape needs
   * @throws IllegalArgumentException if a number cannot be stored in its type
   * @throws java.io.UncheckedIOException if the file cannot be written
   */
  public void write(Path file) {
    AtomicFiles.writeChannel(file, content());
  }

  /** The file's bytes, for writing it together with other files. */
  public AtomicFiles.Content<WritableByteChannel> content() {
    List<GgufTensor> placed = new ArrayList<>();
    long next = 0;
    for (Map.Entry<String, Tensor> entry : tensors.entrySet()) {
      Tensor tensor = entry.getValue();
      placed.add(new GgufTensor(entry.getKey(), tensor.type(), tensor.shape(), next));
      next = Math.addExact(next, padded(placed.get(placed.size() - 1).byteCount()));
    }
    byte[] header = HeaderWriter.bytes(metadata, placed);
    return out -> {
      out.write(ByteBuffer.wrap(header));
      out.write(padding(header.length));
      for (GgufTensor tensor : placed) {
        Objects.requireNonNull(tensors.get(tensor.name()))
            .data()
            .write(tensor, tensor.byteCount(), out);
        out.write(padding(tensor.byteCount()));
      }
    };
  }

  private long padded(long length) {
    return HeaderReader.padded(length, alignment);
  }

  private ByteBuffer padding(long length) {
    return ByteBuffer.allocate((int) (padded(length) - length));
  }
}
