package io.github.peft4j.io.safetensors;

import io.github.peft4j.io.Bytes;
import io.github.peft4j.io.FileRegion;
import io.github.peft4j.io.NoSuchTensorException;
import io.github.peft4j.io.TensorInfo;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** One file, or its content in memory. */
final class SafetensorsFile implements Safetensors {
  /** A map cannot exceed 2 GiB; a power of two keeps elements whole. */
  private static final int SLICE = 1 << 30;

  private final String label;
  private final @Nullable Path path;
  private final Bytes bytes;
  private final Header header;

  private SafetensorsFile(String label, @Nullable Path path, Bytes bytes) throws IOException {
    this.label = label;
    this.path = path;
    this.bytes = bytes;
    this.header = Header.read(label, bytes);
  }

  static SafetensorsFile open(Path path) {
    return Bytes.open(path, bytes -> new SafetensorsFile(path.toString(), path, bytes));
  }

  static SafetensorsFile of(String label, ByteBuffer buffer) {
    try {
      return new SafetensorsFile(label, null, Bytes.of(buffer));
    } catch (IOException e) {
      throw new UncheckedIOException(label, e);
    }
  }

  @Override
  public Map<String, String> metadata() {
    return header.metadata();
  }

  @Override
  public Set<String> names() {
    return header.entries().keySet();
  }

  @Override
  public TensorInfo info(String name) {
    return entry(name).info();
  }

  @Override
  public void read(String name, Consumer<ByteBuffer> sink) {
    Header.Entry entry = entry(name);
    bytes.read(
        "tensor %s of %s".formatted(name, label),
        header.dataStart() + entry.begin(),
        entry.end() - entry.begin(),
        SLICE,
        sink);
  }

  @Override
  public Optional<FileRegion> region(String name) {
    Header.Entry entry = entry(name);
    return Optional.ofNullable(path)
        .map(
            p ->
                new FileRegion(p, header.dataStart() + entry.begin(), entry.end() - entry.begin()));
  }

  @Override
  public void close() {
    try {
      bytes.close();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot close " + label, e);
    }
  }

  /** Returns, for example, {@code model.safetensors (197 tensors)}. */
  @Override
  public String toString() {
    return "%s (%d tensors)".formatted(label, names().size());
  }

  private Header.Entry entry(String name) {
    Header.Entry entry = header.entries().get(name);
    if (entry == null) {
      throw new NoSuchTensorException(label, name, names());
    }
    return entry;
  }
}
