package io.github.peft4j.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import io.github.peft4j.PeftModel;
import io.github.peft4j.io.AtomicFiles;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.JsonFile;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.io.safetensors.SafetensorsWriter;
import io.github.peft4j.kernel.TensorBytes;
import io.github.peft4j.kernel.Tensors;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The checkpoints of a run. {@code checkpoint-N} holds the adapter in PEFT's format, the trained
 * tensors and the optimizer's moments, the run's state, and the hashes of these files. A checkpoint
 * is written under a temporary name and renamed when it is complete. The newest, the one before it
 * and the best are kept: if the newest is damaged, the run continues from the one before.
 */
final class Checkpoints {

  private static final Pattern NAME = Pattern.compile("checkpoint-(\\d{1,18})");
  private static final Pattern HALF = Pattern.compile("\\.checkpoint-\\d{1,18}\\.tmp");
  private static final String TENSORS = "trainer.safetensors";
  private static final String STATE = "trainer_state.json";
  private static final Logger LOG = LoggerFactory.getLogger(Checkpoints.class);
  private static final Gson GSON =
      new GsonBuilder().setPrettyPrinting().serializeSpecialFloatingPointValues().create();

  private final Path folder;

  /** The step of the newest checkpoint that is known to be intact, or -1. */
  private long newest = -1;

  /**
   * A folder of checkpoints belongs to one run at a time. A second run of the same program would
   * remove what the first one writes.
   */
  static final class Claim implements AutoCloseable {

    private static final Set<Path> CLAIMED = ConcurrentHashMap.newKeySet();

    private final @Nullable Path folder;

    /**
     * Claims a folder until this is closed.
     *
     * @param folder which need not exist; null for a run without checkpoints
     * @throws IllegalStateException if another run has it
     */
    Claim(@Nullable Path folder) {
      this.folder = folder == null ? null : real(folder);
      if (this.folder != null && !CLAIMED.add(this.folder)) {
        throw new IllegalStateException(
            "another training of this program writes its checkpoints to "
                + folder
                + ": take another folder, or wait until that training has ended");
      }
    }

    private static Path real(Path folder) {
      try {
        return Files.exists(folder) ? folder.toRealPath() : folder.toAbsolutePath().normalize();
      } catch (IOException e) {
        throw new UncheckedIOException("cannot read the path of " + folder + ": " + e, e);
      }
    }

    @Override
    public void close() {
      if (folder != null) {
        CLAIMED.remove(folder);
      }
    }
  }

  /** An intact checkpoint. */
  record Whole(Path folder, RunState state) {}

  Checkpoints(Path folder) {
    this.folder = folder;
  }

  /**
   * Checks that checkpoints can be written, before anything is trained for them. Nothing is made.
   *
   * @throws IllegalArgumentException if the folder, or where it would be, is none or read-only
   */
  static void requireWritable(@Nullable Path folder) {
    if (folder == null) {
      return;
    }
    Path nearest = folder.toAbsolutePath().normalize();
    while (!Files.exists(nearest) && nearest.getParent() != null) {
      nearest = nearest.getParent();
    }
    if (!Files.isDirectory(nearest) || !Files.isWritable(nearest)) {
      throw new IllegalArgumentException(
          "checkpointTo(%s): %s is %s, expected a folder that can be written to; take another one"
              .formatted(
                  folder, nearest, Files.isDirectory(nearest) ? "read-only" : "not a folder"));
    }
  }

  /** Writes a checkpoint, and removes those that are no longer kept. */
  void write(PeftModel model, String adapter, Map<String, NDArray> tensors, RunState state) {
    Path whole = folder.resolve("checkpoint-" + state.step);
    Path part = folder.resolve(".checkpoint-" + state.step + ".tmp");
    try {
      Files.createDirectories(folder);
      for (Path left : named(HALF)) { // left by a process that was killed while writing
        delete(left);
      }
      Files.createDirectories(part);
      model.save(adapter, part);
      SafetensorsWriter writer = new SafetensorsWriter().metadata("format", "pt");
      tensors.forEach((name, tensor) -> add(writer, name, tensor));
      writer.write(part.resolve(TENSORS));
      AtomicFiles.writeText(part.resolve(STATE), GSON.toJson(state));
      Checksums.write(part);
      delete(whole);
      Files.move(part, whole, StandardCopyOption.ATOMIC_MOVE);
      Set<Long> kept = Set.copyOf(List.of(state.step, newest, state.bestStep));
      newest = state.step;
      for (Path old : all()) {
        if (!kept.contains(step(old))) {
          delete(old);
        }
      }
    } catch (IOException e) {
      throw failed(part, whole, e);
    } catch (UncheckedIOException e) {
      throw failed(part, whole, Objects.requireNonNull(e.getCause()));
    }
  }

  /** Codes of 8 bits stay so; all else is in float32. */
  private static void add(SafetensorsWriter writer, String name, NDArray tensor) {
    long[] shape = tensor.getShape().getShape();
    if (tensor.getDataType() == DataType.UINT8) {
      writer.add(
          new TensorInfo(name, DType.U8, shape), sink -> TensorBytes.readBytes(tensor, sink));
    } else {
      writer.add(name, shape, Tensors.floats(tensor));
    }
  }

  private UncheckedIOException failed(Path part, Path whole, IOException e) {
    try {
      delete(part);
    } catch (IOException more) {
      e.addSuppressed(more);
    }
    return new UncheckedIOException(
        "cannot write the checkpoint "
            + whole
            + " ("
            + e.getMessage()
            + "); the one before it is untouched: "
            + (newest < 0 ? "none" : at(newest)),
        e);
  }

  /**
   * The newest intact checkpoint. Damaged ones are skipped with a warning.
   *
   * @return nothing if there is no checkpoint
   * @throws IllegalArgumentException if there are checkpoints, and all are damaged
   */
  Optional<Whole> newestWhole() {
    List<Path> newestFirst = new ArrayList<>(all());
    Collections.reverse(newestFirst);
    List<String> damages = new ArrayList<>();
    for (Path checkpoint : newestFirst) {
      try {
        RunState state = whole(checkpoint);
        damages.forEach(damage -> LOG.warn("{}; going on from {}", damage, checkpoint));
        newest = state.step;
        return Optional.of(new Whole(checkpoint, state));
      } catch (IllegalArgumentException | UncheckedIOException e) {
        damages.add(checkpoint + " is damaged: " + e.getMessage());
      }
    }
    if (damages.isEmpty()) {
      return Optional.empty();
    }
    throw new IllegalArgumentException(
        "no checkpoint in "
            + folder
            + " is whole, so that the run cannot go on: "
            + String.join("; ", damages)
            + ". To start anew, delete the folder or take another one");
  }

  /**
   * Reads the state of a checkpoint after checking all of its files.
   *
   * @throws IllegalArgumentException if a file was changed since, naming it
   * @throws UncheckedIOException if a file cannot be read
   */
  static RunState whole(Path checkpoint) {
    RunState state = state(checkpoint);
    if (state.step != step(checkpoint)) {
      throw new IllegalArgumentException(
          checkpoint.resolve(STATE) + " is of step " + state.step + ", not of its folder's");
    }
    try {
      Checksums.verify(checkpoint);
    } catch (NoSuchFileException e) {
      throw new IllegalArgumentException("the file " + e.getMessage() + " is missing", e);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read its files: " + e, e);
    }
    return state;
  }

  /** The newest checkpoint that this run wrote or continued from. */
  Optional<Path> newest() {
    return newest < 0 ? Optional.empty() : Optional.of(at(newest));
  }

  Path at(long step) {
    return folder.resolve("checkpoint-" + step);
  }

  private static RunState state(Path checkpoint) {
    Path file = checkpoint.resolve(STATE);
    try {
      JsonObject json = JsonFile.read(file);
      RunState state = GSON.fromJson(json, RunState.class);
      if (!state.isWhole()) {
        throw new IllegalArgumentException(file + " is no state of a training");
      }
      Instant.parse(state.started);
      return state;
    } catch (JsonParseException | IllegalStateException | DateTimeParseException e) {
      throw new IllegalArgumentException(file + " is no state of a training: " + e.getMessage(), e);
    }
  }

  /**
   * Sets tensors to their values in a checkpoint. If one does not fit, none is set.
   *
   * @throws IllegalArgumentException if one does not fit
   */
  static void read(Path checkpoint, Map<String, NDArray> tensors) {
    Path file = checkpoint.resolve(TENSORS);
    try (TensorSource source = Safetensors.open(file)) {
      tensors.forEach((name, tensor) -> requireFitting(file, source, name, tensor));
      tensors.forEach(
          (name, tensor) -> {
            try (NDArray value = value(source, name, tensor)) {
              Tensors.copy(tensor, value);
            }
          });
    }
  }

  private static NDArray value(TensorSource source, String name, NDArray like) {
    NDManager manager = like.getManager();
    if (like.getDataType() != DataType.UINT8) {
      return manager.create(source.floats(name), like.getShape());
    }
    ByteBuffer codes = ByteBuffer.allocateDirect(Math.toIntExact(like.size()));
    source.read(name, codes::put);
    return manager.create(codes.flip(), like.getShape(), DataType.UINT8);
  }

  private static void requireFitting(Path file, TensorSource source, String name, NDArray tensor) {
    boolean codes = tensor.getDataType() == DataType.UINT8;
    if (!source.names().contains(name)
        || !new Shape(source.info(name).shape()).equals(tensor.getShape())
        || source.info(name).dtype() != (codes ? DType.U8 : DType.F32)) {
      throw new IllegalArgumentException(
          file
              + " has no tensor "
              + name
              + " of shape "
              + tensor.getShape()
              + (codes ? " with codes of 8 bits" : "")
              + ": it belongs to another run; take another folder");
    }
    if (!codes && !name.startsWith("method.")) {
      requireFinite(file, name, source.floats(name));
    }
  }

  /** What a run wrote was finite: the first update would say that the training diverged. */
  private static void requireFinite(Path file, String name, float... numbers) {
    for (float number : numbers) {
      if (!Float.isFinite(number)) {
        throw new IllegalArgumentException(
            "%s: tensor %s has %s, expected finite numbers: the file is damaged; take another folder"
                .formatted(file, name, number));
      }
    }
  }

  private List<Path> all() {
    return named(NAME).stream().sorted(Comparator.comparingLong(Checkpoints::step)).toList();
  }

  private List<Path> named(Pattern pattern) {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> children = Files.list(folder)) {
      return children.filter(p -> pattern.matcher(p.getFileName().toString()).matches()).toList();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot list " + folder, e);
    }
  }

  private static long step(Path checkpoint) {
    Matcher matcher = NAME.matcher(checkpoint.getFileName().toString());
    return matcher.matches() ? Long.parseLong(matcher.group(1)) : -1;
  }

  private static void delete(Path tree) throws IOException {
    if (!Files.exists(tree)) {
      return;
    }
    try (Stream<Path> paths = Files.walk(tree)) {
      for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }
}
