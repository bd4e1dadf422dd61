package io.github.peft4j.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import io.github.peft4j.PeftModel;
import io.github.peft4j.io.AtomicFiles;
import io.github.peft4j.io.JsonFile;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.safetensors.Safetensors;
import io.github.peft4j.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Where a run stands, on disk: {@code checkpoint-N} holds the adapter as PEFT saves it, everything
 * that is needed to go on (trained tensors, moments), and the run's state. A checkpoint is written
 * under another name and renamed when it is whole; the last and the best are kept.
 */
final class Checkpoints {

  private static final Pattern NAME = Pattern.compile("checkpoint-(\\d+)");
  private static final String TENSORS = "trainer.safetensors";
  private static final String STATE = "trainer_state.json";
  private static final Gson GSON = new GsonBuilder().setPrettyPrinting().create();

  private final Path folder;

  Checkpoints(Path folder) {
    this.folder = folder;
  }

  /** Writes a checkpoint and removes those that are neither the last nor the best. */
  void write(PeftModel model, String adapter, Map<String, NDArray> tensors, RunState state) {
    Path whole = folder.resolve("checkpoint-" + state.step);
    Path part = folder.resolve(".checkpoint-" + state.step + ".tmp");
    try {
      Files.createDirectories(folder);
      delete(part);
      Files.createDirectories(part);
      model.save(adapter, part);
      SafetensorsWriter writer = new SafetensorsWriter().metadata("format", "pt");
      tensors.forEach(
          (name, tensor) -> writer.add(name, tensor.getShape().getShape(), Tensors.floats(tensor)));
      writer.write(part.resolve(TENSORS));
      AtomicFiles.writeText(part.resolve(STATE), GSON.toJson(state));
      delete(whole);
      Files.move(part, whole, StandardCopyOption.ATOMIC_MOVE);
      for (Path old : all()) {
        if (step(old) != state.step && step(old) != state.bestStep) {
          delete(old);
        }
      }
    } catch (IOException e) {
      throw failed(part, whole, e);
    } catch (UncheckedIOException e) {
      throw failed(part, whole, Objects.requireNonNull(e.getCause()));
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
            + last().map(Path::toString).orElse("none"),
        e);
  }

  /** The newest checkpoint. */
  Optional<Path> last() {
    List<Path> all = all();
    return all.isEmpty() ? Optional.empty() : Optional.of(all.get(all.size() - 1));
  }

  Path at(long step) {
    return folder.resolve("checkpoint-" + step);
  }

  static RunState state(Path checkpoint) {
    Path file = checkpoint.resolve(STATE);
    try {
      JsonObject json = JsonFile.read(file);
      RunState state = GSON.fromJson(json, RunState.class);
      if (!state.isWhole()) {
        throw new IllegalArgumentException(
            file + " is no state of a training; delete its folder to go on from the one before");
      }
      Instant.parse(state.started);
      return state;
    } catch (JsonParseException | IllegalStateException | DateTimeParseException e) {
      throw new IllegalArgumentException(file + " is no state of a training: " + e.getMessage(), e);
    }
  }

  /** Sets tensors to their values in a checkpoint. */
  static void read(Path checkpoint, Map<String, NDArray> tensors) {
    Path file = checkpoint.resolve(TENSORS);
    try (TensorSource source = Safetensors.open(file)) {
      tensors.forEach(
          (name, tensor) -> {
            if (!source.names().contains(name)
                || !new Shape(source.info(name).shape()).equals(tensor.getShape())) {
              throw new IllegalArgumentException(
                  file
                      + " has no tensor "
                      + name
                      + " of shape "
                      + tensor.getShape()
                      + ": it belongs to another run; take another folder");
            }
            try (NDArray value =
                tensor.getManager().create(source.floats(name), tensor.getShape())) {
              Tensors.copy(tensor, value);
            }
          });
    }
  }

  private List<Path> all() {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> children = Files.list(folder)) {
      return children
          .filter(p -> NAME.matcher(p.getFileName().toString()).matches())
          .sorted(Comparator.comparingLong(Checkpoints::step))
          .toList();
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
