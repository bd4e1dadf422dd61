package io.github.peft4j.io.safetensors;

import io.github.peft4j.io.FileGroup;
import io.github.peft4j.io.TensorData;
import io.github.peft4j.io.TensorInfo;
import java.util.Set;
import java.util.regex.Pattern;

/** Writes the weights of a model's folder. */
public interface WeightsWriter {

  /** The names of safetensors files of a model, and of their index. */
  Pattern SAFETENSORS =
      Pattern.compile(
          "model(-\\d{5}-of-\\d{5}|\\.sparse)?\\.safetensors|model\\.safetensors\\.index\\.json");

  /** Adds a tensor, whose bytes may be read several times when the files are written. */
  void add(TensorInfo info, TensorData data);

  /**
   * Whether a file of the folder is weights of an earlier model, which readers would take for this
   * one's or prefer to them. If it is not written again, it is removed. By default these are
   * safetensors.
   */
  default boolean replaces(String file) {
    return SAFETENSORS.matcher(file).matches();
  }

  /**
   * Writes the files.
   *
   * @return their names
   * @throws IllegalArgumentException if two tensors have the same name
   */
  Set<String> writeTo(FileGroup files);
}
