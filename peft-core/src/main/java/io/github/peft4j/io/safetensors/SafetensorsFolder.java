package io.github.peft4j.io.safetensors;

import io.github.peft4j.io.FileRegion;
import io.github.peft4j.io.ForeignFiles;
import io.github.peft4j.io.NoSuchTensorException;
import io.github.peft4j.io.TensorInfo;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;

/**
 * A model in several files. The index is Hugging Face's: {@code {"metadata": …, "weight_map":
 * {tensor: file name}}}.
 */
final class SafetensorsFolder implements Safetensors {
  private static final String SINGLE = "model.safetensors";
  private static final String INDEX = "model.safetensors.index.json";

  private final Path folder;
  private final Map<String, SafetensorsFile> shards = new LinkedHashMap<>();
  private final Map<String, SafetensorsFile> byTensor = new LinkedHashMap<>();

  private SafetensorsFolder(Path folder) {
    this.folder = folder;
  }

  static Safetensors open(Path folder) {
    if (Files.exists(folder.resolve(SINGLE))) {
      return SafetensorsFile.open(folder.resolve(SINGLE));
    }
    if (!Files.exists(folder.resolve(INDEX))) {
      throw new SafetensorsException(
          "%s: expected %s or %s in it and found neither%s. Give the folder of a Hugging Face model"
              .formatted(folder, SINGLE, INDEX, ForeignFiles.insteadOfModel(folder)));
    }
    SafetensorsFolder model = new SafetensorsFolder(folder);
    try {
      model.readIndex(folder.resolve(INDEX));
      return model;
    } catch (RuntimeException | Error e) {
      model.close();
      throw e;
    }
  }

  private void readIndex(Path index) {
    Map<String, String> weightMap = weightMap(index);
    if (weightMap.isEmpty()) {
      throw new SafetensorsException(index + ": weight_map is missing or empty; fetch it again");
    }
    requireShards(index, weightMap);
    weightMap.forEach(
        (tensor, file) -> {
          SafetensorsFile shard = shards.computeIfAbsent(file, f -> openShard(index, tensor, f));
          if (!shard.names().contains(tensor)) {
            throw new SafetensorsException(
                "%s: weight_map says that tensor %s is in %s, which does not have it; index and"
                        .formatted(index, tensor, file)
                    + " shards are of different models: fetch them together");
          }
          byTensor.put(tensor, shard);
        });
  }

  /** Names all missing shards, if there is more than one. */
  private void requireShards(Path index, Map<String, String> weightMap) {
    Set<String> files = new TreeSet<>(weightMap.values());
    Set<String> missing = new TreeSet<>(files);
    missing.removeIf(file -> !isName(file) || Files.isRegularFile(folder.resolve(file)));
    if (missing.size() > 1) {
      throw new SafetensorsException(
          "%s: %d of the %d files that weight_map names are missing; fetch them too: %s"
              .formatted(index, missing.size(), files.size(), String.join(", ", missing)));
    }
  }

  private static boolean isName(String file) {
    return file.matches("[^/\\\\:\\x00]+") && !file.equals("..") && !file.equals(".");
  }

  private static Map<String, String> weightMap(Path index) {
    Map<String, String> weightMap = new LinkedHashMap<>();
    long size = index.toFile().length();
    if (size > Header.MAX_LENGTH) {
      throw new SafetensorsException(
          "%s: it has %d bytes, expected at most %d; this is no index of a model"
              .formatted(index, size, Header.MAX_LENGTH));
    }
    try (StrictJson in =
        StrictJson.of(index.toString(), "index", ByteBuffer.wrap(Files.readAllBytes(index)))) {
      in.object(
          field -> {
            if (field.equals("weight_map")) {
              in.object(tensor -> weightMap.put(tensor, in.string()));
            } else {
              in.skip();
            }
          });
      in.end();
      return weightMap;
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read %s: %s".formatted(index, e), e);
    }
  }

  /**
   * A shard must be a plain file name, so that the index cannot refer to files outside the folder.
   */
  private SafetensorsFile openShard(Path index, String tensor, String file) {
    if (!isName(file)) {
      throw new SafetensorsException(
          "%s: weight_map of tensor %s is '%s', expected the name of a file in the same folder; do"
                  .formatted(index, tensor, file)
              + " not trust this model");
    }
    if (!Files.isRegularFile(folder.resolve(file))) {
      throw new SafetensorsException(
          "%s: weight_map says that tensor %s is in %s, which is missing; fetch that file too"
              .formatted(index, tensor, file));
    }
    return SafetensorsFile.open(folder.resolve(file));
  }

  @Override
  public Map<String, String> metadata() {
    Map<String, String> merged = new LinkedHashMap<>();
    shards.values().forEach(shard -> merged.putAll(shard.metadata()));
    return merged;
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(byTensor.keySet());
  }

  @Override
  public TensorInfo info(String name) {
    return shard(name).info(name);
  }

  @Override
  public void read(String name, Consumer<ByteBuffer> sink) {
    shard(name).read(name, sink);
  }

  @Override
  public Optional<FileRegion> region(String name) {
    return shard(name).region(name);
  }

  @Override
  public void close() {
    shards.values().forEach(SafetensorsFile::close);
  }

  /** Returns, for example, {@code llama (291 tensors in 4 files)}. */
  @Override
  public String toString() {
    return "%s (%d tensors in %d files)".formatted(folder, byTensor.size(), shards.size());
  }

  private SafetensorsFile shard(String name) {
    SafetensorsFile shard = byTensor.get(name);
    if (shard == null) {
      throw new NoSuchTensorException(folder, name, names());
    }
    return shard;
  }
}
