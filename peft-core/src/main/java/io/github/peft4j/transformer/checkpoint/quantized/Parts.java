package io.github.peft4j.transformer.checkpoint.quantized;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.kernel.TensorLoader;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.Set;

/** The tensors of a file that together make one matrix. What is asked for is noted. */
final class Parts {

  private final TensorSource source;
  private final String weight;
  private final String format;
  private final Set<String> used = new LinkedHashSet<>();

  /**
   * @param weight the name of the matrix
   * @param format the name of the format in errors
   */
  Parts(TensorSource source, String weight, String format) {
    this.source = source;
    this.weight = weight;
    this.format = format;
  }

  TensorSource source() {
    return source;
  }

  /** The names of the parts so far. */
  Set<String> used() {
    return used;
  }

  boolean has(String name) {
    return source.names().contains(name);
  }

  /** A part of any type and shape. */
  TensorInfo required(String name) {
    if (!has(name)) {
      throw error("needs the tensor " + name + ", which the file does not have");
    }
    used.add(name);
    return source.info(name);
  }

  /** A part of one of these types, of any shape. */
  TensorInfo required(String name, Set<DType> types) {
    TensorInfo info = required(name);
    if (!types.contains(info.dtype())) {
      throw wrong(info, "the type " + join(types));
    }
    return info;
  }

  /** A part of one of these types and of this shape. */
  TensorInfo required(String name, Set<DType> types, long... shape) {
    TensorInfo info = required(name, types);
    if (!Arrays.equals(info.shape(), shape)) {
      throw wrong(info, "the shape " + Arrays.toString(shape));
    }
    return info;
  }

  /** A part as it is in the file. */
  NDArray load(TensorLoader loader, String name) {
    return loader.loadStored(source, name);
  }

  /** The bytes of a part (n). */
  NDArray bytes(TensorLoader loader, String name) {
    return loader.loadBytes(source, name);
  }

  IllegalArgumentException wrong(TensorInfo found, String expected) {
    return error("has the tensor " + found + "; expected " + expected);
  }

  /** An error about the matrix. */
  IllegalArgumentException error(String what) {
    return new IllegalArgumentException(
        source
            + ": the matrix "
            + weight
            + ", quantised as "
            + format
            + ", "
            + what
            + ". The file is damaged, or config.json is of another model: copy both anew, or take"
            + " the plain model without quantisation");
  }

  private static String join(Set<DType> types) {
    return String.join(" or ", types.stream().map(DType::name).sorted().toList());
  }
}
