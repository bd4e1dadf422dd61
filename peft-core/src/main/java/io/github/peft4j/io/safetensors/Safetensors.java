package io.github.peft4j.io.safetensors;

import io.github.peft4j.io.TensorSource;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Map;

/**
 * The tensors of a safetensors file. Opening reads the header and checks it
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
}
