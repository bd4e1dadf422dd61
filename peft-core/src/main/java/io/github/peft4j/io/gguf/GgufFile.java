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
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Collections;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A GGUF file, version 2 or 3, little-endian. Opening reads the header and checks it completely.
 * Data is memory-mapped on demand.
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

  private final String label;
  private final @Nullable Path path;
  private final Bytes bytes;
  private final HeaderReader.Header header;

  private GgufFile(String label, @Nullable Path path, Bytes bytes) throws IOException {
    this.label = label;
    this.path = path;
    this.bytes = bytes;
    this.header = HeaderReader.read(label, bytes);
  }

  /**
   * Opens a file.
   *
   * @throws GgufException if the file is damaged, or has a version or a type that is not read
   * @throws UncheckedIOException if it cannot be read
   */
  public static GgufFile open(Path path) {
    try {
      Bytes bytes = Bytes.of(FileChannel.open(path));
      try {
        return new GgufFile(path.toString(), path, bytes);
      } catch (IOException | RuntimeException | Error e) {
        bytes.close();
        throw e;
      }
    } catch (NoSuchFileException e) {
      throw new UncheckedIOException("cannot read %s: there is no such file".formatted(path), e);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read %s: %s".formatted(path, e), e);
    }
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
      return new GgufFile(label, null, Bytes.of(bytes));
    } catch (IOException e) {
      throw new UncheckedIOException(label, e);
    }
  }

  /** The version of the format, 2 or 3. They differ in nothing that is read here. */
  public int version() {
    return header.version();
  }

  /** The keys and values of the file. */
  public GgufMetadata metadata() {
    return header.metadata();
  }

  /** The tensors as they are stored, in the order of the file. */
  public Collection<GgufTensor> tensors() {
    return Collections.unmodifiableCollection(header.tensors().values());
  }

  /**
   * A tensor as it is stored.
   *
   * @throws NoSuchTensorException if there is none of this name
   */
  public GgufTensor tensor(String name) {
    GgufTensor tensor = header.tensors().get(name);
    if (tensor == null) {
      throw new NoSuchTensorException(label, name, names());
    }
    return tensor;
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(header.tensors().keySet());
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
    return Optional.ofNullable(path)
        .map(p -> new FileRegion(p, tensor.offset(), tensor.byteCount()));
  }

  /**
   * Passes a tensor's bytes as they are stored, in order, in one or several buffers. A buffer is
   * little-endian and read-only, holds whole blocks, and is valid until {@code sink} returns.
   */
  public void readBlocks(String name, Consumer<ByteBuffer> sink) {
    GgufTensor tensor = tensor(name);
    int most = SLICE / tensor.type().blockBytes() * tensor.type().blockBytes();
    bytes.read(
        "tensor %s of %s".formatted(name, label), tensor.offset(), tensor.byteCount(), most, sink);
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
    try {
      bytes.close();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot close " + label, e);
    }
  }

  /** Returns, for example, {@code model.gguf (272 tensors)}. */
  @Override
  public String toString() {
    return "%s (%d tensors)".formatted(label, names().size());
  }
}
