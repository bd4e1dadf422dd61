package io.github.peft4j.data.format;

import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Collects bytes in memory and, when they are too many, in a temporary file. */
final class ContentWriter extends OutputStream {

  private static final Logger LOG = LoggerFactory.getLogger(ContentWriter.class);

  private final int mostHeld;
  private ByteArrayOutputStream held = new ByteArrayOutputStream();
  private @Nullable OutputStream out;
  private @Nullable Path file;
  private long size;

  ContentWriter(int mostHeld) {
    this.mostHeld = mostHeld;
  }

  long size() {
    return size;
  }

  @Override
  public void write(int b) throws IOException {
    write(new byte[] {(byte) b}, 0, 1);
  }

  @Override
  public void write(byte[] bytes, int offset, int length) throws IOException {
    if (out == null && size + length > mostHeld) {
      file = Files.createTempFile("peft4j-rows-", ".tmp");
      file.toFile().deleteOnExit();
      LOG.info("rows that are unpacked take more than {} bytes: they go to {}", mostHeld, file);
      out = new BufferedOutputStream(Files.newOutputStream(file), 1 << 16);
      held.writeTo(out);
      held = new ByteArrayOutputStream();
    }
    (out == null ? held : out).write(bytes, offset, length);
    size += length;
  }

  Content finish() throws IOException {
    if (out == null || file == null) {
      return new HeldContent(held.toByteArray());
    }
    out.close();
    Content content = new FileContent(file);
    file = null;
    return content;
  }

  /** Deletes the temporary file, if it was not finished. */
  @Override
  public void close() throws IOException {
    if (out != null && file != null) {
      out.close();
      Files.deleteIfExists(file);
    }
  }
}
