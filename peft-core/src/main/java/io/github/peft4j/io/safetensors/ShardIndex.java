package io.github.peft4j.io.safetensors;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * Which file of a folder holds which tensor. The format is Hugging Face's: {@code {"metadata": …,
 * "weight_map": {tensor: file name}}}. It is the same for safetensors and for pickles.
 */
public final class ShardIndex {

  private ShardIndex() {}

  /**
   * Reads an index. Every file that it names is there, in the folder of the index.
   *
   * @return the files by tensor, in the order of the index
   * @throws SafetensorsException if the index is malformed, names no tensor, names a file outside
   *     its folder or one that is missing
   * @throws UncheckedIOException if it cannot be read
   */
  public static Map<String, Path> read(Path index) {
    Map<String, String> weightMap = weightMap(index);
    if (weightMap.isEmpty()) {
      throw new SafetensorsException(index + ": weight_map is missing or empty; fetch it again");
    }
    Path folder = index.resolveSibling("");
    requireShards(index, folder, weightMap);
    Map<String, Path> files = new LinkedHashMap<>();
    weightMap.forEach((tensor, file) -> files.put(tensor, shard(index, folder, tensor, file)));
    return files;
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

  /** Names all missing shards, if there is more than one. */
  private static void requireShards(Path index, Path folder, Map<String, String> weightMap) {
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

  /**
   * A shard must be a plain file name, so that the index cannot refer to files outside the folder.
   */
  private static Path shard(Path index, Path folder, String tensor, String file) {
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
    return folder.resolve(file);
  }
}
