package io.github.peft4j.io.safetensors;

import io.github.peft4j.io.FileGroup;
import io.github.peft4j.io.TensorData;
import io.github.peft4j.io.TensorInfo;
import java.util.Set;

/** Writes the weights of a model's folder. */
public interface WeightsWriter {

  /** Adds a tensor, whose bytes may be read several times when the files are written. */
  void add(TensorInfo info, TensorData data);

  /**
   * Writes the files.
   *
   * @return their names
   * @throws IllegalArgumentException if two tensors have the same name
   */
  Set<String> writeTo(FileGroup files);
}
