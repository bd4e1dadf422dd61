package io.github.peft4j.data.format;

import io.github.peft4j.data.DataException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;

/**
 * Bytes in a file, which must not change while they are used. The garbage collector closes the
 * file.
 */
final class FileContent extends Content {

  private final Path path;
  private final long size;
  private final FileTime modified;
  private FileChannel channel;

  FileContent(Path path) throws IOException {
    this.path = path;
    this.channel = FileChannel.open(path);
    this.size = channel.size();
    this.modified = Files.getLastModifiedTime(path);
  }

  /** The open file. An interrupted thread closes a channel, so it may have to be opened again. */
  private synchronized FileChannel channel() throws IOException {
    if (!channel.isOpen()) {
      channel = FileChannel.open(path);
    }
    return channel;
  }

  @Override
  long size() {
    return size;
  }

  @Override
  void read(long position, byte[] into, int length) {
    try {
      FileChannel open = channel();
      ByteBuffer buffer = ByteBuffer.wrap(into, 0, length);
      while (buffer.hasRemaining()) {
        if (open.read(buffer, position + buffer.position()) < 0) {
          throw changed();
        }
      }
      if (open.size() != size || !Files.getLastModifiedTime(path).equals(modified)) {
        throw changed();
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + path + ": " + e, e);
    }
  }

  private DataException changed() {
    return new DataException(
        path
            + " was changed after it was opened. Its rows are read when they are needed: leave it"
            + " as it is until the training has read them");
  }
}
