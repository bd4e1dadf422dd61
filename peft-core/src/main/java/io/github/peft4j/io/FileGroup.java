package io.github.peft4j.io;

import static java.util.stream.Collectors.joining;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

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
  private final Deque<Path> madeFolders = new ArrayDeque<>();
  private final List<Path> removed = new ArrayList<>();

  /**
   * Starts a group in the folder of a file.
   *
   * @throws IllegalArgumentException if the path names no file, as a root does not
   */
  public static FileGroup beside(Path file) {
    name(file);
    return new FileGroup(Objects.requireNonNull(file.toAbsolutePath().getParent()));
  }

  /**
   * The name of a file in its folder.
   *
   * @throws IllegalArgumentException if the path names no file, as a root does not
   */
  public static String name(Path file) {
    Path name = file.toAbsolutePath().getFileName();
    if (name == null) {
      throw new IllegalArgumentException(
          "cannot write %s: it names no file; expected one such as %s"
              .formatted(file, file.resolve("model")));
    }
    return name.toString();
  }

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
    Path temporary = sibling(target, ".tmp");
    temporaries.put(target, temporary);
    try {
      makeFolders(target.getParent());
      try (Output file = disk.open(temporary)) {
        content.writeTo(file);
        file.force();
      }
    } catch (IOException e) {
      throw failed(target, e);
    }
  }

  private static Path sibling(Path target, String end) {
    return target.resolveSibling("." + target.getFileName() + "." + UUID.randomUUID() + end);
  }

  private void makeFolders(@Nullable Path path) throws IOException {
    Deque<Path> missing = new ArrayDeque<>();
    for (Path at = path; at != null && !Files.exists(at); at = at.getParent()) {
      missing.push(at);
    }
    for (Path at : missing) {
      Files.createDirectories(at);
      madeFolders.push(at);
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

  /**
   * Moves all files to their names, in the order in which they were written, and removes those that
   * are to go. If one of them cannot be moved, those before it get their former content back.
   */
  public void commit() {
    Deque<Step> done = new ArrayDeque<>();
    boolean several = temporaries.size() + removed.size() > 1;
    Path current = folder;
    try {
      for (Map.Entry<Path, Path> file : temporaries.entrySet()) {
        current = file.getKey();
        Path former = several && exists(current) ? keep(current) : null;
        done.push(new Step(current, former));
        Files.move(file.getValue(), current, StandardCopyOption.ATOMIC_MOVE);
      }
      for (Path file : removed) {
        current = file;
        if (exists(file)) {
          Path former = sibling(file, ".old");
          Files.move(file, former, StandardCopyOption.ATOMIC_MOVE);
          done.push(new Step(file, former));
        }
      }
    } catch (IOException e) {
      if (several) {
        undo(done, e);
      }
      throw failed(current, e);
    }
    temporaries.clear();
    madeFolders.clear();
    done.forEach(step -> delete(step.former()));
    forceFolder();
  }

  /** A file that was moved to its name, and where its former content is. */
  private record Step(Path file, @Nullable Path former) {}

  private static boolean exists(Path file) {
    return Files.exists(file, LinkOption.NOFOLLOW_LINKS);
  }

  /**
   * Keeps the content of a file under another name. The file itself stays, if links are possible.
   */
  private static Path keep(Path file) throws IOException {
    if (Files.isDirectory(file, LinkOption.NOFOLLOW_LINKS)) {
      throw new FileSystemException(file.toString(), null, "it is a folder");
    }
    Path former = sibling(file, ".old");
    try {
      Files.createLink(former, file);
    } catch (UnsupportedOperationException | IOException e) {
      Files.move(file, former, StandardCopyOption.ATOMIC_MOVE);
    }
    return former;
  }

  private static void undo(Deque<Step> done, IOException reason) {
    for (Step step : done) {
      try {
        if (step.former() == null) {
          Files.deleteIfExists(step.file());
        } else {
          Files.move(step.former(), step.file(), StandardCopyOption.ATOMIC_MOVE);
          Files.deleteIfExists(step.former()); // a move onto another link of the file does nothing
        }
      } catch (IOException e) {
        reason.addSuppressed(
            new IOException(step.file() + " is new; its former content is " + step.former(), e));
      }
    }
  }

  private static void delete(@Nullable Path file) {
    try {
      if (file != null) {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      file.toFile().deleteOnExit();
    }
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
    String state =
        e.getSuppressed().length == 0
            ? "what was there before is unchanged"
            : Stream.of(e.getSuppressed()).map(Throwable::getMessage).collect(joining("; "));
    return new UncheckedIOException(
        "cannot write %s: %s; %s".formatted(target, reason(e), state), e);
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
    temporaries.values().forEach(FileGroup::delete);
    temporaries.clear();
    for (Path made : madeFolders) {
      if (!made.toFile().delete()) {
        break; // another program has put a file there
      }
    }
    madeFolders.clear();
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
