package io.github.peft4j.io.torch;

import io.github.peft4j.io.FileRegion;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * The file that {@code torch.save} wrote before PyTorch 1.6: five pickles (a magic number, the
 * format's version, facts about the machine, the dictionary, the keys of the storages), and the
 * storages in the order of the keys, each behind its number of elements in 8 bytes ({@code
 * _legacy_save} of torch/serialization.py).
 */
final class LegacyStorages implements Storages {

  private static final BigInteger MAGIC = new BigInteger("1950a86a20f9469cfc6c", 16);
  private static final Object VERSION = 1001L;

  /** A map cannot exceed 2 GiB; a power of two keeps elements whole. */
  private static final int SLICE = 1 << 30;

  private final Path file;
  private final FileChannel channel;
  private final Map<String, StateDict.Tensor> tensors;
  private final Map<String, Long> starts = new HashMap<>();

  private LegacyStorages(Path file, FileChannel channel) throws IOException {
    this.file = file;
    this.channel = channel;
    ByteBuffer in =
        channel.map(MapMode.READ_ONLY, 0, Math.min(channel.size(), TorchFile.LONGEST_PICKLE));
    if (!plain(in).equals(MAGIC)) {
      throw TorchFileException.damaged(file, "it does not begin with PyTorch's magic number");
    }
    if (!plain(in).equals(VERSION)) {
      throw new TorchFileException(
          file + ": expected version " + VERSION + " of PyTorch's format of before 1.6");
    }
    if (!(plain(in) instanceof Map<?, ?> machine)
        || !Boolean.TRUE.equals(machine.get("little_endian"))) {
      throw new TorchFileException(
          file + ": its bytes are not little-endian; save it anew on a machine that is");
    }
    StateDict.Content content = StateDict.read(file, in);
    this.tensors = content.tensors();
    Object keys = plain(in);
    locate(keys instanceof List<?> list ? list : List.of(), content.storages(), in.position());
  }

  static LegacyStorages open(Path file) throws IOException {
    FileChannel channel = FileChannel.open(file);
    try {
      return new LegacyStorages(file, channel);
    } catch (IOException | RuntimeException | Error e) {
      channel.close();
      throw e;
    }
  }

  /** A pickle of plain values. */
  private Object plain(ByteBuffer in) {
    return Pickle.read(
        file,
        in,
        new Pickle.Meaning() {
          @Override
          public Object persistent(List<?> id) {
            throw TorchFileException.unsupported(file, "a storage where none is expected");
          }

          @Override
          public Object call(String function, List<?> arguments) {
            throw TorchFileException.unsupported(file, "a call of " + function);
          }
        });
  }

  private void locate(List<?> keys, Map<String, StateDict.Storage> storages, long from)
      throws IOException {
    long at = from;
    for (Object key : keys) {
      StateDict.Storage storage = key instanceof String text ? storages.get(text) : null;
      if (storage == null || starts.containsKey(storage.key())) {
        throw TorchFileException.damaged(file, "its list of storages does not fit its tensors");
      }
      long count = count(at);
      long end = at + 8 + storage.bytes();
      if (count != storage.count() || end < at || end > channel.size()) {
        throw TorchFileException.damaged(
            file,
            "storage %s has %d elements at byte %d of %d, expected %d"
                .formatted(storage.key(), count, at, channel.size(), storage.count()));
      }
      starts.put(storage.key(), at + 8);
      at = end;
    }
    if (!starts.keySet().containsAll(storages.keySet())) {
      throw TorchFileException.damaged(file, "storages of its tensors are missing");
    }
  }

  private long count(long at) throws IOException {
    ByteBuffer count = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
    while (count.hasRemaining() && channel.read(count, at + count.position()) > 0) {}
    return count.hasRemaining() ? -1 : count.getLong(0);
  }

  @Override
  public Map<String, StateDict.Tensor> tensors() {
    return tensors;
  }

  private long start(StateDict.Storage storage) {
    return Objects.requireNonNull(starts.get(storage.key()));
  }

  @Override
  public void read(StateDict.Storage storage, long offset, long length, Consumer<ByteBuffer> sink)
      throws IOException {
    for (long at = 0; at < length; at += SLICE) {
      long n = Math.min(SLICE, length - at);
      sink.accept(channel.map(MapMode.READ_ONLY, start(storage) + offset + at, n));
    }
  }

  @Override
  public Optional<FileRegion> region(StateDict.Storage storage, long offset, long length) {
    return Optional.of(new FileRegion(file, start(storage) + offset, length));
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
