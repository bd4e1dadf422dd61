package io.github.peft4j.io.safetensors;

import io.github.peft4j.io.TensorSource;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Map;

/**
 * The tensors of a safetensors file, or of a folder of them. Opening reads the header and checks it
 * completely, as Hugging Face's reader does. Data is memory-mapped on demand.
 */
public interface Safetensors extends TensorSource {

  /** Returns the file's own key-value pairs, such as {@code format=pt}; empty if it has none. */
  Map<String, String> metadata();

  /**
   * Opens a file.
   *
   * @throws SafetensorsException if the file is malformed
   * @throws java.io.UncheckedIOException if it cannot be read
   */
  static Safetensors open(Path file) {
    return SafetensorsFile.open(file);
  }

  /**
   * Opens content in memory, for example a resource of a jar. There is nothing to close.
   *
   * @param label name of the content in error messages
   * @param bytes the content, from position to limit; not copied
   * @throws SafetensorsException if the content is malformed
   */
  static Safetensors of(String label, ByteBuffer bytes) {
    return SafetensorsFile.of(label, bytes);
  }

  /**
   * Opens the model in a folder: {@code model.safetensors}, or else the shards that {@code
   * model.safetensors.index.json} names. The metadata of shards is merged.
   *
   * @throws SafetensorsException if there is neither, or a file is malformed or missing, or index
   *     and shards disagree
   * @throws java.io.UncheckedIOException if a file cannot be read
   */
  static Safetensors openFolder(Path folder) {
    return SafetensorsFolder.open(folder);
  }
}
