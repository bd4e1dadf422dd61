package io.github.peft4j.gguf;

import io.github.peft4j.io.gguf.GgufMetadata;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The values of a new GGUF file that belong to its architecture, by what follows the architecture's
 * name, and small tensors that are computed of them.
 */
final class NewKeys {

  private final GgufMetadata.Builder metadata;
  private final String prefix;
  private final int fileType;
  private final GgufPooling pooling;
  private final Map<String, float[]> tensors = new LinkedHashMap<>();

  /**
   * @param fileType llama.cpp's number of the type of most tensors
   */
  NewKeys(GgufMetadata.Builder metadata, String architecture, int fileType, GgufPooling pooling) {
    this.metadata = metadata;
    this.prefix = architecture + ".";
    this.fileType = fileType;
    this.pooling = pooling;
  }

  void integer(String key, long value) {
    metadata.uint32(prefix + key, value);
  }

  void number(String key, double value) {
    metadata.float32(prefix + key, (float) value);
  }

  void string(String key, String value) {
    metadata.string(prefix + key, value);
  }

  void flag(String key, boolean value) {
    metadata.bool(prefix + key, value);
  }

  /** The type of most tensors, which is no key of the architecture but stands among them. */
  void fileType() {
    metadata.uint32("general.file_type", fileType);
  }

  /** How states become vectors, unless that is not known. */
  void pooling(String key) {
    if (pooling != GgufPooling.UNSAID) {
      integer(key, pooling.id());
    }
  }

  /** Adds a tensor of one dimension. */
  void tensor(String name, float... values) {
    tensors.put(name, values);
  }

  Map<String, float[]> tensors() {
    return tensors;
  }
}
