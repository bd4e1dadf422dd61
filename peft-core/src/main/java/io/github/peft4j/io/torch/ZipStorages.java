package io.github.peft4j.io.torch;

import io.github.peft4j.io.FileRegion;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.jspecify.annotations.Nullable;

/** The zip archive that {@code torch.save} writes since PyTorch 1.6: a file for each storage. */
final class ZipStorages implements Storages {

  private static final int SLICE = 1 << 20;

  private final Path file;
  private final ZipFile zip;
  private final String root;
  private final Map<String, StateDict.Tensor> tensors;

  private final Map<String, long[]> numbers;

  private ZipStorages(Path file, ZipFile zip, boolean nested) throws IOException {
    this.file = file;
    this.zip = zip;
    ZipEntry pickle = pickle();
    this.root = pickle.getName().substring(0, pickle.getName().length() - "data.pkl".length());
    ZipEntry order = zip.getEntry(root + "byteorder");
    if (order != null
        && !new String(bytes(order, 16), StandardCharsets.UTF_8).strip().equals("little")) {
      throw new TorchFileException(
          file + ": its bytes are not little-endian; save it anew on a machine that is");
    }
    ByteBuffer bytes = ByteBuffer.wrap(bytes(pickle, TorchFile.LONGEST_PICKLE));
    StateDict.Content content =
        nested ? StateDict.readNested(file, bytes) : StateDict.read(file, bytes);
    this.numbers = content.numbers();
    this.tensors = content.tensors();
    content.storages().values().forEach(this::requireWhole);
  }

  /**
   * Opens an archive.
   *
   * @param nested whether it holds dictionaries within each other, see {@link StateDict#readNested}
   */
  static ZipStorages open(Path file, boolean nested) throws IOException {
    ZipFile zip = new ZipFile(file.toFile());
    try {
      return new ZipStorages(file, zip, nested);
    } catch (IOException | RuntimeException | Error e) {
      zip.close();
      throw e;
    }
  }

  private ZipEntry pickle() {
    return zip.stream()
        .filter(entry -> entry.getName().endsWith("/data.pkl"))
        .findFirst()
        .orElseThrow(
            () ->
                new TorchFileException(
                    file + ": the archive has no data.pkl; it holds no tensors of PyTorch"));
  }

  private byte[] bytes(ZipEntry entry, int most) throws IOException {
    requireStored(entry);
    if (entry.getSize() > most) {
      throw TorchFileException.damaged(
          file,
          "%s has %d bytes, expected at most %d".formatted(entry.getName(), entry.getSize(), most));
    }
    try (InputStream in = zip.getInputStream(entry)) {
      return in.readNBytes(most);
    }
  }

  /** PyTorch compresses nothing, and an entry that is not compressed is as long as it says. */
  private void requireStored(ZipEntry entry) {
    if (entry.getMethod() != ZipEntry.STORED || entry.getSize() != entry.getCompressedSize()) {
      throw TorchFileException.damaged(
          file, entry.getName() + " is compressed, which PyTorch never does");
    }
  }

  private void requireWhole(StateDict.Storage storage) {
    ZipEntry entry = entry(storage);
    long size = entry == null ? 0 : entry.getSize();
    if (size != storage.bytes() && storage.count() > 0) {
      throw TorchFileException.damaged(
          file,
          "storage %s has %d bytes, expected %d".formatted(storage.key(), size, storage.bytes()));
    }
    if (entry != null) {
      requireStored(entry);
    }
  }

  private @Nullable ZipEntry entry(StateDict.Storage storage) {
    return zip.getEntry(root + "data/" + storage.key());
  }

  @Override
  public Map<String, StateDict.Tensor> tensors() {
    return tensors;
  }

  @Override
  public Map<String, long[]> numbers() {
    return numbers;
  }

  @Override
  public void read(StateDict.Storage storage, long offset, long length, Consumer<ByteBuffer> sink)
      throws IOException {
    try (InputStream in = zip.getInputStream(entry(storage))) {
      in.skipNBytes(offset);
      for (long left = length; left > 0; ) {
        byte[] slice = in.readNBytes((int) Math.min(left, SLICE));
        if (slice.length < Math.min(left, SLICE)) {
          throw new EOFException();
        }
        sink.accept(ByteBuffer.wrap(slice));
        left -= slice.length;
      }
    }
  }

  @Override
  public Optional<FileRegion> region(StateDict.Storage storage, long offset, long length) {
    return Optional.empty();
  }

  @Override
  public void close() throws IOException {
    zip.close();
  }
}
