package io.github.peft4j.io.safetensors;

import io.github.peft4j.io.AtomicFiles;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.TensorData;
import io.github.peft4j.io.TensorHash;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.TensorSource;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;

/**
 * Writes a safetensors file as Hugging Face's writer does, byte for byte: tensors by alignment of
 * their type, the largest first, then by name.
 *
 * <pre>{@code
 * new SafetensorsWriter()
 *     .metadata("format", "pt")
 *     .add("lora_A.weight", new long[] {8, 768}, values)
 *     .write(folder.resolve("adapter_model.safetensors"));
 * }</pre>
 */
public final class SafetensorsWriter {
  private static final Comparator<TensorInfo> ORDER =
      Comparator.comparing(TensorInfo::dtype, Comparator.reverseOrder())
          .thenComparing(i -> i.name().getBytes(StandardCharsets.UTF_8), Arrays::compareUnsigned);

  private final Map<String, String> metadata = new LinkedHashMap<>();
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();

  private record Tensor(TensorInfo info, TensorData data) {}

  /** Sets a key-value pair of the header. Python readers require {@code format=pt}. */
  public SafetensorsWriter metadata(String key, String value) {
    metadata.put(requireUnicode(key), requireUnicode(value));
    return this;
  }

  /** Sets several key-value pairs of the header. */
  public SafetensorsWriter metadata(Map<String, String> pairs) {
    pairs.forEach(this::metadata);
    return this;
  }

  /**
   * Adds a tensor whose bytes are only read when the file is written.
   *
   * @throws IllegalArgumentException if there already is a tensor of that name
   */
  public SafetensorsWriter add(TensorInfo info, TensorData data) {
    requireUnicode(info.name());
    if (info.name().equals("__metadata__")) {
      throw new IllegalArgumentException("a tensor cannot be called __metadata__");
    }
    if (tensors.putIfAbsent(info.name(), new Tensor(info, data)) != null) {
      throw new IllegalArgumentException("two tensors are called " + info.name());
    }
    return this;
  }

  /**
   * Adds an {@link DType#F32} tensor.
   *
   * @throws IllegalArgumentException if there already is a tensor of that name, or if the number of
   *     values is not that of the shape
   */
  public SafetensorsWriter add(String name, long[] shape, float... values) {
    TensorInfo info = new TensorInfo(name, DType.F32, shape);
    if (info.elementCount() != values.length) {
      throw new IllegalArgumentException(
          "tensor %s has %d values, expected %d"
              .formatted(info, values.length, info.elementCount()));
    }
    return add(info, sink -> encode(values, sink));
  }

  /** Adds all tensors of a source, which must stay open until the file is written. */
  public SafetensorsWriter addAll(TensorSource source) {
    source.names().forEach(name -> add(source.info(name), sink -> source.read(name, sink)));
    return this;
  }

  /**
   * Writes the file, whole or not at all.
   *
   * @throws IllegalStateException if a tensor hands out more or fewer bytes than its shape needs
   * @throws UncheckedIOException if the file cannot be written
   */
  public void write(Path file) {
    AtomicFiles.writeChannel(file, content());
  }

  /** The file's bytes, for writing it together with other files. */
  public AtomicFiles.Content<WritableByteChannel> content() {
    List<TensorInfo> ordered = tensors.values().stream().map(Tensor::info).sorted(ORDER).toList();
    ByteBuffer header = Header.of(metadata, ordered).encode();
    return out -> {
      out.write(header.duplicate());
      for (TensorInfo info : ordered) {
        Objects.requireNonNull(tensors.get(info.name())).data().write(info, info.byteCount(), out);
      }
    };
  }

  /** A hash of the tensors as {@link TensorHash} defines it, before they are written. */
  public String tensorHash() {
    return TensorHash.of(
        tensors.values().stream().map(Tensor::info).toList(),
        (name, sink) -> Objects.requireNonNull(tensors.get(name)).data().read(sink));
  }

  private static void encode(float[] values, Consumer<ByteBuffer> sink) {
    int slice = 1 << 16;
    for (int at = 0; at < values.length; at += slice) {
      int n = Math.min(slice, values.length - at);
      ByteBuffer bytes = ByteBuffer.allocate(n * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
      bytes.asFloatBuffer().put(values, at, n);
      sink.accept(bytes);
    }
  }

  private static String requireUnicode(String text) {
    if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
      throw new IllegalArgumentException("not valid Unicode: " + text);
    }
    return text;
  }
}
