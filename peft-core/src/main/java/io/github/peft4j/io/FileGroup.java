package io.github.peft4j.io;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/**
 * Files of one folder that belong together. All of them are written to temporary siblings and
 * forced to the disk; only when the last one is whole does {@link #commit} give them their names. A
 * full disk, or a mistake in the writer, leaves all former files as they were.
 *
 * <pre>{@code
 * try (FileGroup files = new FileGroup(folder)) {
 *   files.write("adapter_model.safetensors", weights);
 *   files.writeText("adapter_config.json", config);
 *   files.commit();
 * }
 * }</pre>
 *
 * <p>The folder and those on the way to it are created. Every method throws {@link
 * UncheckedIOException} if a file cannot be written; closing removes what has not been committed.
 */
public final class FileGroup implements AutoCloseable {

  /** Opens a new file for writing. Tests replace it to simulate a full disk. */
  @FunctionalInterface
  public interface Disk {
    Disk REAL =
        file ->
            new Whole(
                FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE));

    /**
     * Opens a file.
     *
     * @throws IOException if that fails
     */
    Output open(Path file) throws IOException;
  }

  /** An open file. */
  public interface Output extends WritableByteChannel {
    /**
     * Forces everything to the disk.
     *
     * @throws IOException if that fails
     */
    void force() throws IOException;
  }

  private final Path folder;
  private final Disk disk;
  private final Map<Path, Path> temporaries = new LinkedHashMap<>();
  private final List<Path> removed = new ArrayList<>();

  /** A group of no files yet. */
  public FileGroup(Path folder) {
    this(folder, Disk.REAL);
  }

  public FileGroup(Path folder, Disk disk) {
    this.folder = folder.toAbsolutePath();
    this.disk = disk;
  }

  /**
   * Writes the bytes that {@code content} puts into a channel, which writes every buffer to its
   * end.
   *
   * @param name name of the file, which may be in a subfolder: {@code 1_Pooling/config.json}
   */
  public void write(String name, AtomicFiles.Content<WritableByteChannel> content) {
    Path target = folder.resolve(name);
    Path temporary =
        target.resolveSibling("." + target.getFileName() + "." + UUID.randomUUID() + ".tmp");
    temporaries.put(target, temporary);
    try {
      Files.createDirectories(target.getParent());
      try (Output file = disk.open(temporary)) {
        content.writeTo(file);
        file.force();
      }
    } catch (IOException e) {
      throw failed(target, e);
    }
  }

  /** Writes text in UTF-8. */
  public void writeText(String name, String text) {
    write(name, out -> out.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8))));
  }

  /** Removes a file of an earlier group when this one is committed. */
  public void remove(String name) {
    removed.add(folder.resolve(name));
  }

  /** Moves all files to their names. */
  public void commit() {
    Path current = folder;
    try {
      for (Map.Entry<Path, Path> file : Map.copyOf(temporaries).entrySet()) {
        current = file.getKey();
        Files.move(file.getValue(), current, StandardCopyOption.ATOMIC_MOVE);
        temporaries.remove(current);
      }
      for (Path file : removed) {
        current = file;
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      throw failed(current, e);
    }
    forceFolder();
  }

  /**
   * Without this, a power cut may undo the moves. Windows cannot open a folder, so it is skipped
   * there.
   */
  private void forceFolder() {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    } catch (IOException e) {
      return;
    }
  }

  private static UncheckedIOException failed(Path target, IOException e) {
    return new UncheckedIOException(
        "cannot write %s: %s; what was there before is unchanged".formatted(target, reason(e)), e);
  }

  /** The message of most file system exceptions is only a path, so the reason is their type. */
  private static String reason(IOException e) {
    if (e instanceof FileSystemException f) {
      return f.getClass().getSimpleName() + (f.getReason() == null ? "" : ", " + f.getReason());
    }
    return e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
  }

  @Override
  public void close() {
    for (Path temporary : temporaries.values()) {
      try {
        Files.deleteIfExists(temporary);
      } catch (IOException e) {
        temporary.toFile().deleteOnExit();
      }
    }
    temporaries.clear();
  }

  private record Whole(FileChannel file) implements Output {
    @Override
    public int write(ByteBuffer bytes) throws IOException {
      int count = bytes.remaining();
      while (bytes.hasRemaining()) {
        file.write(bytes);
      }
      return count;
    }

    @Override
    public void force() throws IOException {
      file.force(true);
    }

    @Override
    public boolean isOpen() {
      return file.isOpen();
    }

    @Override
    public void close() throws IOException {
      file.close();
    }
  }
}
