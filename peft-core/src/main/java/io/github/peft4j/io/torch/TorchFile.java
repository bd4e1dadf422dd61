package io.github.peft4j.io.torch;

import io.github.peft4j.io.FileRegion;
import io.github.peft4j.io.ForeignFiles;
import io.github.peft4j.io.NoSuchTensorException;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.TensorSource;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.zip.ZipException;

/**
 * A dictionary of tensors that {@code torch.save} wrote, in the format of today or in that of
 * before PyTorch 1.6. The pickle in it is parsed but never run. As with {@code
 * torch.load(weights_only=True)}, only tensors are accepted. Tensors may share memory, and may be
 * views such as a transposed one: each is read in row-major order.
 */
public final class TorchFile implements TensorSource {

  /** Bytes; a hundred thousand tensors take 20 MB. */
  static final int LONGEST_PICKLE = 1 << 26;

  private static final int LONGEST_SPAN = Integer.MAX_VALUE - 8;

  private final Path path;
  private final Storages storages;

  private TorchFile(Path path, Storages storages) {
    this.path = path;
    this.storages = storages;
  }

  /**
   * Opens a file.
   *
   * @throws TorchFileException if it holds anything but tensors, or is damaged
   * @throws UncheckedIOException if it cannot be read
   */
  public static TorchFile open(Path file) {
    return open(file, false);
  }

  /**
   * Opens a file of dictionaries within each other, whose values are tensors and lists of whole
   * numbers. Names are joined by slashes, such as {@code diffs/bert.pooler.dense.bias/values}.
   *
   * @throws TorchFileException if it holds anything else, is damaged, or is in the format of before
   *     PyTorch 1.6
   * @throws UncheckedIOException if it cannot be read
   */
  public static TorchFile openNested(Path file) {
    return open(file, true);
  }

  private static TorchFile open(Path file, boolean nested) {
    byte[] begin;
    try (InputStream in = Files.newInputStream(file)) {
      begin = in.readNBytes(64);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file + ": " + e, e);
    }
    String text = new String(begin, StandardCharsets.ISO_8859_1);
    if (ForeignFiles.isLfsPointer(text)) {
      throw new TorchFileException(ForeignFiles.lfsPointer(file));
    }
    try {
      if (text.startsWith("PK")) {
        return new TorchFile(file, ZipStorages.open(file, nested));
      }
      if (!nested && text.startsWith("\u0080")) {
        return new TorchFile(file, LegacyStorages.open(file));
      }
    } catch (TorchFileException e) {
      throw e;
    } catch (IOException | RuntimeException e) {
      throw TorchFileException.damaged(file, "it cannot be read (" + e.getMessage() + ")", e);
    }
    throw new TorchFileException(
        file
            + ": it begins with neither a zip archive nor a pickle, as PyTorch writes them; fetch it"
            + " again, or load it in Python and save it as safetensors");
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(storages.tensors().keySet());
  }

  /** Lists of whole numbers beside the tensors, by name; none in a file that is not nested. */
  public Map<String, long[]> numbers() {
    return Collections.unmodifiableMap(storages.numbers());
  }

  @Override
  public TensorInfo info(String name) {
    return tensor(name).info();
  }

  /**
   * {@inheritDoc}
   *
   * @throws TorchFileException if the file is damaged there, if the tensor repeats elements, or if
   *     it is a view of more than 2 GiB whose elements are not in order
   */
  @Override
  public void read(String name, Consumer<ByteBuffer> sink) {
    StateDict.Tensor tensor = tensor(name);
    Consumer<ByteBuffer> readOnly =
        bytes -> sink.accept(bytes.asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN));
    try {
      if (tensor.isContiguous()) {
        read(tensor, tensor.info().byteCount(), readOnly);
      } else {
        readView(tensor, readOnly);
      }
    } catch (EOFException | ZipException e) {
      throw TorchFileException.damaged(
          path, "the bytes of tensor %s cannot be read (%s)".formatted(name, e), e);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read tensor " + name + " of " + path + ": " + e, e);
    }
  }

  private void read(StateDict.Tensor tensor, long length, Consumer<ByteBuffer> sink)
      throws IOException {
    if (length > 0) {
      storages.read(
          tensor.storage(), tensor.offset() * tensor.info().dtype().bytes(), length, sink);
    }
  }

  private void readView(StateDict.Tensor tensor, Consumer<ByteBuffer> sink) throws IOException {
    long span = tensor.span() * tensor.info().dtype().bytes();
    if (span > LONGEST_SPAN || tensor.info().elementCount() > tensor.storage().count()) {
      throw new TorchFileException(
          "%s: tensor %s is a view with strides that %s; in Python, call contiguous() on it and save"
                  .formatted(
                      path,
                      tensor.info(),
                      span > LONGEST_SPAN ? "spans more than 2 GiB" : "repeats elements")
              + " the tensors anew");
    }
    ByteBuffer spanned = ByteBuffer.allocate((int) span);
    read(tensor, span, spanned::put);
    StridedElements.inOrder(tensor, spanned.flip(), sink);
  }

  @Override
  public Optional<FileRegion> region(String name) {
    StateDict.Tensor tensor = tensor(name);
    long length = tensor.info().byteCount();
    return tensor.isContiguous() && length > 0
        ? storages.region(tensor.storage(), tensor.offset() * tensor.info().dtype().bytes(), length)
        : Optional.empty();
  }

  private StateDict.Tensor tensor(String name) {
    StateDict.Tensor tensor = storages.tensors().get(name);
    if (tensor == null) {
      throw new NoSuchTensorException(path.toString(), name, names());
    }
    return tensor;
  }

  @Override
  public void close() {
    try {
      storages.close();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot close " + path, e);
    }
  }

  @Override
  public String toString() {
    return path + " (" + names().size() + " tensors)";
  }
}
