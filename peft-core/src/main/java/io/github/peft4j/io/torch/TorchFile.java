package io.github.peft4j.io.torch;

import io.github.peft4j.io.FileRegion;
import io.github.peft4j.io.ForeignFiles;
import io.github.peft4j.io.NoSuchTensorException;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.TensorSource;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Enumeration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;

/**
 * A dictionary of tensors that {@code torch.save} wrote, since PyTorch 1.6: a zip archive of a
 * pickle, which describes the tensors, and a file of bytes for each storage. The pickle is parsed
 * but never run, see {@link Unpickler}. As with {@code torch.load(weights_only=True)}, only tensors
 * are accepted.
 */
public final class TorchFile implements TensorSource {

  private final Path path;
  private final ZipFile zip;
  private final String root;
  private final Map<String, Unpickler.Tensor> tensors;

  private TorchFile(Path path, ZipFile zip) throws IOException {
    this.path = path;
    this.zip = zip;
    ZipEntry pickle = pickle();
    this.root = pickle.getName().substring(0, pickle.getName().length() - "data.pkl".length());
    byte[] bytes;
    try (InputStream in = zip.getInputStream(pickle)) {
      bytes = in.readAllBytes();
    }
    this.tensors = new Unpickler(path.toString(), bytes).tensors();
    requireLittleEndian();
    tensors.forEach(this::requireWhole);
  }

  /**
   * Opens a file.
   *
   * @throws IllegalArgumentException if it is not an archive of tensors, or is damaged
   * @throws UncheckedIOException if it cannot be read
   */
  public static TorchFile open(Path file) {
    try {
      ZipFile zip = new ZipFile(file.toFile());
      try {
        return new TorchFile(file, zip);
      } catch (IOException | RuntimeException e) {
        zip.close();
        throw e;
      }
    } catch (ZipException e) {
      requireNoPointer(file);
      throw new IllegalArgumentException(
          file
              + " is no file of PyTorch 1.6 or later, or is damaged: "
              + e.getMessage()
              + "; fetch it again, or load it in Python and save it as safetensors",
          e);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file + ": " + e, e);
    }
  }

  private static void requireNoPointer(Path file) {
    try (InputStream in = Files.newInputStream(file)) {
      if (ForeignFiles.isLfsPointer(new String(in.readNBytes(64), StandardCharsets.UTF_8))) {
        throw new IllegalArgumentException(ForeignFiles.lfsPointer(file));
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file + ": " + e, e);
    }
  }

  private ZipEntry pickle() {
    Enumeration<? extends ZipEntry> entries = zip.entries();
    while (entries.hasMoreElements()) {
      ZipEntry entry = entries.nextElement();
      if (entry.getName().endsWith("/data.pkl")) {
        return entry;
      }
    }
    throw new IllegalArgumentException(path + ": the archive has no data.pkl; it holds no tensors");
  }

  private void requireLittleEndian() throws IOException {
    ZipEntry order = zip.getEntry(root + "byteorder");
    if (order != null) {
      try (InputStream in = zip.getInputStream(order)) {
        if (!new String(in.readAllBytes(), StandardCharsets.UTF_8).equals("little")) {
          throw new IllegalArgumentException(path + ": its bytes are not little-endian");
        }
      }
    }
  }

  private void requireWhole(String name, Unpickler.Tensor tensor) {
    ZipEntry storage = zip.getEntry(root + "data/" + tensor.storage());
    long end = tensor.offset() + tensor.info().byteCount();
    if (storage == null || storage.getSize() < end) {
      throw new IllegalArgumentException(
          path
              + ": tensor "
              + name
              + " needs "
              + end
              + " bytes of storage "
              + tensor.storage()
              + ", which has "
              + (storage == null ? 0 : storage.getSize())
              + ": the file is damaged; fetch it again");
    }
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(tensors.keySet());
  }

  @Override
  public TensorInfo info(String name) {
    return tensor(name).info();
  }

  @Override
  public void read(String name, Consumer<ByteBuffer> sink) {
    Unpickler.Tensor tensor = tensor(name);
    try (InputStream in = zip.getInputStream(zip.getEntry(root + "data/" + tensor.storage()))) {
      in.skipNBytes(tensor.offset());
      long left = tensor.info().byteCount();
      while (left > 0) {
        byte[] slice = in.readNBytes((int) Math.min(left, 1 << 20));
        sink.accept(ByteBuffer.wrap(slice).asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN));
        left -= slice.length;
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read tensor " + name + " of " + path + ": " + e, e);
    }
  }

  @Override
  public Optional<FileRegion> region(String name) {
    tensor(name);
    return Optional.empty();
  }

  private Unpickler.Tensor tensor(String name) {
    Unpickler.Tensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new NoSuchTensorException(path.toString(), name, names());
    }
    return tensor;
  }

  @Override
  public void close() {
    try {
      zip.close();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot close " + path, e);
    }
  }

  @Override
  public String toString() {
    return path + " (" + tensors.size() + " tensors)";
  }
}
