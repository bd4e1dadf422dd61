package io.github.peft4j.hub;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;

/**
 * The beginning of a file whose rest is still to be downloaded. It stays on the disk when the
 * download ends too early, and the next one goes on from there. Its content is hashed while it is
 * written.
 *
 * <p>Every method throws {@link UncheckedIOException} if the disk fails, which is no reason to try
 * a download again.
 */
final class PartialFile implements AutoCloseable {

  private static final int BUFFER = 1 << 20;

  private final Path path;
  private final ContentHash hash;
  private final FileChannel file;
  private MessageDigest digest;
  private long length;

  private PartialFile(Path path, ContentHash hash, FileChannel file) {
    this.path = path;
    this.hash = hash;
    this.file = file;
    this.digest = hash.start();
  }

  /** Opens a partial file, which may be there from an earlier download. */
  @SuppressWarnings("MustBeClosed") // the caller closes the file that holds the channel
  static PartialFile open(Path path, ContentHash hash) {
    try {
      Files.createDirectories(path.getParent());
      PartialFile part =
          new PartialFile(
              path,
              hash,
              FileChannel.open(
                  path,
                  StandardOpenOption.CREATE,
                  StandardOpenOption.READ,
                  StandardOpenOption.WRITE));
      try {
        part.readBack();
        return part;
      } catch (IOException | RuntimeException e) {
        part.file.close();
        throw e;
      }
    } catch (IOException e) {
      throw failed(path, e);
    }
  }

  private void readBack() throws IOException {
    if (file.size() > hash.size()) {
      file.truncate(0);
    }
    ByteBuffer buffer = ByteBuffer.allocate(BUFFER);
    while (file.read(buffer) >= 0) {
      buffer.flip();
      length += buffer.remaining();
      digest.update(buffer);
      buffer.clear();
    }
  }

  long length() {
    return length;
  }

  void write(ByteBuffer bytes) {
    length += bytes.remaining();
    digest.update(bytes.duplicate());
    try {
      while (bytes.hasRemaining()) {
        file.write(bytes);
      }
    } catch (IOException e) {
      throw failed(path, e);
    }
  }

  /** Drops the content. */
  void restart() {
    try {
      file.truncate(0);
      file.position(0);
    } catch (IOException e) {
      throw failed(path, e);
    }
    digest = hash.start();
    length = 0;
  }

  /** The hash of the whole file. Afterwards the file is moved, or started again. */
  String contentHash() {
    return ContentHash.text(digest);
  }

  /** Forces the file to the disk and gives it its name. */
  void moveTo(Path target) {
    try {
      file.force(true);
      file.close(); // Windows does not move open files
      Files.move(path, target, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw failed(target, e);
    }
  }

  @Override
  public void close() {
    try {
      file.close();
    } catch (IOException e) {
      throw failed(path, e);
    }
  }

  private static UncheckedIOException failed(Path path, IOException e) {
    return new UncheckedIOException(
        "cannot write "
            + path
            + " ("
            + e
            + "). Make room there, or set HF_HUB_CACHE to another folder; the next call goes on"
            + " where this one ended",
        e);
  }
}
