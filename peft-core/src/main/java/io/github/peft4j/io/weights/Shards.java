package io.github.peft4j.io.weights;

import io.github.peft4j.io.FileRegion;
import io.github.peft4j.io.NoSuchTensorException;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.io.safetensors.ShardIndex;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;

/** A model in several files, which an index names. */
final class Shards implements TensorSource {

  private final Path index;
  private final Map<Path, TensorSource> shards = new LinkedHashMap<>();
  private final Map<String, TensorSource> byTensor = new LinkedHashMap<>();

  private Shards(Path index) {
    this.index = index;
  }

  /**
   * Opens all shards.
   *
   * @throws IllegalArgumentException if a file is malformed or missing, or index and shards
   *     disagree
   */
  static Shards open(Path index, Function<Path, TensorSource> reader) {
    Shards model = new Shards(index);
    try {
      ShardIndex.read(index).forEach((tensor, file) -> model.add(tensor, file, reader));
      return model;
    } catch (RuntimeException | Error e) {
      model.close();
      throw e;
    }
  }

  private void add(String tensor, Path file, Function<Path, TensorSource> reader) {
    TensorSource shard = shards.computeIfAbsent(file, reader);
    if (!shard.names().contains(tensor)) {
      throw new IllegalArgumentException(
          "%s: weight_map says that tensor %s is in %s, which does not have it; index and"
                  .formatted(index, tensor, file.getFileName())
              + " shards are of different models: fetch them together");
    }
    byTensor.put(tensor, shard);
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
    shards.values().forEach(TensorSource::close);
  }

  /** Returns, for example, {@code llama/model.safetensors.index.json (291 tensors in 4 files)}. */
  @Override
  public String toString() {
    return "%s (%d tensors in %d files)".formatted(index, byTensor.size(), shards.size());
  }

  private TensorSource shard(String name) {
    TensorSource shard = byTensor.get(name);
    if (shard == null) {
      throw new NoSuchTensorException(index, name, names());
    }
    return shard;
  }
}
