package io.github.peft4j.io.gguf;

import io.github.peft4j.io.Bytes;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.FileRegion;
import io.github.peft4j.io.NoSuchTensorException;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.TensorSource;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/**
 * A GGUF file, version 2 or 3, little-endian. Opening reads the header and checks it completely.
 * Data is memory-mapped on demand.
 *
 * <p>A model that llama.cpp's gguf-split has cut into several files is one here: the metadata is
 * that of the first part, the tensors are those of all.
 *
 * <p>As a {@link TensorSource}, the file has plain numbers: a quantised tensor is one of {@link
 * DType#F32}, and its blocks become numbers while they are read. {@link #readBlocks} and {@link
 * #blocks} give the blocks themselves.
 *
 * <pre>{@code
 * try (GgufFile file = GgufFile.open(Path.of("model.gguf"))) {
 *   long layers = file.metadata().integer("llama.block_count");
 *   List<String> tokens = file.metadata().strings("tokenizer.ggml.tokens");
 *   float[] embeddings = file.floats("token_embd.weight");
 * }
 * }</pre>
 */
public final class GgufFile implements TensorSource {

  /** Bytes that are mapped at once, at most: whole blocks of all types. */
  private static final int SLICE = 1 << 30;

  /** Elements that become numbers at once: whole blocks of all types. */
  private static final int CHUNK = 1 << 16;

  private final List<GgufPart> parts;
  private final Map<String, GgufTensor> tensors = new LinkedHashMap<>();
  private final Map<String, GgufPart> owners = new HashMap<>();

  private GgufFile(List<GgufPart> parts) {
    this.parts = parts;
    for (GgufPart part : parts) {
      part.header()
          .tensors()
          .forEach(
              (name, tensor) -> {
                tensors.put(name, tensor);
                owners.put(name, part);
              });
    }
  }

  /**
   * Opens a file and, if it is one of several parts of a model, the others beside it.
   *
   * @throws GgufException if the file is damaged, or has a version or a type that is not read; if a
   *     part is missing or does not belong to the others
   * @throws UncheckedIOException if it cannot be read
   */
  public static GgufFile open(Path path) {
    return new GgufFile(GgufPart.all(path));
  }

  /**
   * Opens content in memory. There is nothing to close.
   *
   * @param label name of the content in error messages
   * @param bytes the content, from position to limit; not copied
   * @throws GgufException as {@link #open} does
   */
  public static GgufFile of(String label, ByteBuffer bytes) {
    try {
      return new GgufFile(List.of(GgufPart.of(label, null, Bytes.of(bytes))));
    } catch (IOException e) {
      throw new UncheckedIOException(label, e);
    }
  }

  /** The version of the format, 2 or 3. They differ in nothing that is read here. */
  public int version() {
    return first().header().version();
  }

  private GgufPart first() {
    return parts.get(0);
  }

  /** The keys and values of the file. */
  public GgufMetadata metadata() {
    return first().header().metadata();
  }

  /** The tensors as they are stored, in the order of the file. */
  public Collection<GgufTensor> tensors() {
    return Collections.unmodifiableCollection(tensors.values());
  }

  /**
   * A tensor as it is stored.
   *
   * @throws NoSuchTensorException if there is none of this name
   */
  public GgufTensor tensor(String name) {
    GgufTensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new NoSuchTensorException(first().label(), name, names());
    }
    return tensor;
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(tensors.keySet());
  }

  /** The name, type and shape of a tensor; the type is F32 if its numbers are quantised. */
  @Override
  public TensorInfo info(String name) {
    GgufTensor tensor = tensor(name);
    return new TensorInfo(name, tensor.type().dtype().orElse(DType.F32), tensor.shape());
  }

  /** Passes a tensor's numbers as {@link #info} describes them: blocks become floats. */
  @Override
  public void read(String name, Consumer<ByteBuffer> sink) {
    GgufTensor tensor = tensor(name);
    if (tensor.type().isQuantized()) {
      dequantize(tensor, sink);
    } else {
      readBlocks(name, sink);
    }
  }

  /** The region of the file with a tensor's numbers, or nothing if they are quantised. */
  @Override
  public Optional<FileRegion> region(String name) {
    return tensor(name).type().isQuantized() ? Optional.empty() : blocks(name);
  }

  /**
   * The region of the file with a tensor's bytes as they are stored, or nothing if the file is in
   * memory.
   */
  public Optional<FileRegion> blocks(String name) {
    GgufTensor tensor = tensor(name);
    return Optional.ofNullable(owner(name).path())
        .map(p -> new FileRegion(p, tensor.offset(), tensor.byteCount()));
  }

  private GgufPart owner(String name) {
    return Objects.requireNonNull(owners.get(name));
  }

  /**
   * Passes a tensor's bytes as they are stored, in order, in one or several buffers. A buffer is
   * little-endian and read-only, holds whole blocks, and is valid until {@code sink} returns.
   */
  public void readBlocks(String name, Consumer<ByteBuffer> sink) {
    GgufTensor tensor = tensor(name);
    GgufPart part = owner(name);
    int most = SLICE / tensor.type().blockBytes() * tensor.type().blockBytes();
    part.bytes()
        .read(
            "tensor %s of %s".formatted(name, part.label()),
            tensor.offset(),
            tensor.byteCount(),
            most,
            sink);
  }

  /**
   * The tensors as bytes, {@link DType#U8}: the last dimension is the bytes of a row. Closing it
   * closes the file.
   */
  public TensorSource stored() {
    return new StoredBlocks(this);
  }

  private void dequantize(GgufTensor tensor, Consumer<ByteBuffer> sink) {
    GgufType type = tensor.type();
    int elements = (int) Math.min(CHUNK, tensor.elementCount());
    byte[] blocks = new byte[elements / type.blockElements() * type.blockBytes()];
    float[] values = new float[elements];
    ByteBuffer out = ByteBuffer.allocate(elements * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    readBlocks(
        tensor.name(),
        stored -> {
          while (stored.hasRemaining()) {
            int length = Math.min(blocks.length, stored.remaining());
            int count = length / type.blockBytes();
            stored.get(blocks, 0, length);
            type.dequantize(blocks, count, values);
            out.clear();
            out.asFloatBuffer().put(values, 0, count * type.blockElements());
            out.limit(count * type.blockElements() * Float.BYTES);
            sink.accept(out.asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN));
          }
        });
  }

  @Override
  public void close() {
    parts.forEach(GgufPart::close);
  }

  /** Returns, for example, {@code model.gguf (272 tensors)}. */
  @Override
  public String toString() {
    return "%s (%d tensors)".formatted(first().label(), names().size());
  }
}
