package io.github.peft4j.io.safetensors;

import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import io.github.peft4j.io.FileGroup;
import io.github.peft4j.io.TensorData;
import io.github.peft4j.io.TensorInfo;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;

/**
 * Writes the weights of a model as transformers' {@code save_pretrained} does: {@code
 * model.safetensors} or, if they are larger than a limit, files {@code
 * model-00001-of-0000N.safetensors} and their index. Tensors are put into files in the order in
 * which they were added. A tensor that is larger than the limit gets a file of its own.
 */
public final class ShardedWriter implements WeightsWriter {

  /** The limit of transformers 5, in bytes. */
  public static final long LARGEST_SHARD = 50_000_000_000L;

  private final Map<String, String> metadata;
  private final long largest;
  private final Map<TensorInfo, TensorData> tensors = new LinkedHashMap<>();

  /**
   * A writer of no tensors yet.
   *
   * @param metadata key-value pairs of each file
   * @param largest the limit of a file's tensors in bytes, at least 1
   */
  public ShardedWriter(Map<String, String> metadata, long largest) {
    if (largest < 1) {
      throw new IllegalArgumentException(
          "the limit of a file is " + largest + " bytes; expected 1 byte or more");
    }
    this.metadata = metadata;
    this.largest = largest;
  }

  @Override
  public void add(TensorInfo info, TensorData data) {
    tensors.put(info, data);
  }

  @Override
  public Set<String> writeTo(FileGroup files) {
    List<List<TensorInfo>> shards = shards();
    if (shards.size() < 2) {
      files.write("model.safetensors", writer(List.copyOf(tensors.keySet())).content());
      return Set.of("model.safetensors");
    }
    Map<String, List<TensorInfo>> named = new TreeMap<>();
    for (int i = 0; i < shards.size(); i++) {
      named.put(
          String.format(Locale.ROOT, "model-%05d-of-%05d.safetensors", i + 1, shards.size()),
          shards.get(i));
    }
    named.forEach((name, shard) -> files.write(name, writer(shard).content()));
    files.writeText("model.safetensors.index.json", index(named));
    named.put("model.safetensors.index.json", List.of());
    return named.keySet();
  }

  /** As huggingface_hub's {@code split_state_dict_into_shards_factory} splits them. */
  private List<List<TensorInfo>> shards() {
    List<List<TensorInfo>> shards = new ArrayList<>();
    List<TensorInfo> current = new ArrayList<>();
    long size = 0;
    for (TensorInfo info : tensors.keySet()) {
      if (info.byteCount() > largest) {
        shards.add(List.of(info));
        continue;
      }
      if (size + info.byteCount() > largest) {
        shards.add(current);
        current = new ArrayList<>();
        size = 0;
      }
      current.add(info);
      size += info.byteCount();
    }
    if (!current.isEmpty()) {
      shards.add(current);
    }
    return shards;
  }

  private SafetensorsWriter writer(List<TensorInfo> shard) {
    SafetensorsWriter writer = new SafetensorsWriter().metadata(metadata);
    shard.forEach(info -> writer.add(info, Objects.requireNonNull(tensors.get(info))));
    return writer;
  }

  private String index(Map<String, List<TensorInfo>> named) {
    JsonObject totals = new JsonObject();
    totals.addProperty(
        "total_parameters", tensors.keySet().stream().mapToLong(TensorInfo::elementCount).sum());
    totals.addProperty(
        "total_size", tensors.keySet().stream().mapToLong(TensorInfo::byteCount).sum());
    Map<String, String> weightMap = new TreeMap<>();
    named.forEach((name, shard) -> shard.forEach(info -> weightMap.put(info.name(), name)));
    JsonObject index = new JsonObject();
    index.add("metadata", totals);
    JsonObject map = new JsonObject();
    weightMap.forEach(map::addProperty);
    index.add("weight_map", map);
    return new GsonBuilder().setPrettyPrinting().disableHtmlEscaping().create().toJson(index)
        + "\n";
  }
}
