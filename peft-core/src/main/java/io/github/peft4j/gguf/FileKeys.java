package io.github.peft4j.gguf;

import io.github.peft4j.io.gguf.GgufFile;
import io.github.peft4j.io.gguf.GgufMetadata;
import io.github.peft4j.io.gguf.GgufValueType;
import io.github.peft4j.transformer.config.UnsupportedModelException;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * The values of a GGUF file that belong to its architecture, such as {@code llama.block_count}, by
 * what follows the architecture's name. It notes which were read.
 */
final class FileKeys {

  private final GgufFile file;
  private final String source;
  private final String prefix;
  private final Set<String> read = new HashSet<>();

  /**
   * @param source the file's name in errors
   */
  FileKeys(GgufFile file, String source, String architecture) {
    this.file = file;
    this.source = source;
    this.prefix = architecture + ".";
  }

  GgufFile file() {
    return file;
  }

  private GgufMetadata metadata() {
    return file.metadata();
  }

  private String key(String key) {
    String whole = prefix + key;
    read.add(whole);
    return whole;
  }

  /** A whole number that must be there. */
  long integer(String key) {
    return metadata().integer(key(key));
  }

  OptionalLong findInteger(String key) {
    return metadata().findInteger(key(key));
  }

  OptionalDouble findNumber(String key) {
    OptionalDouble number = metadata().findNumber(key(key));
    return number.isPresent() ? OptionalDouble.of(decimal(number.getAsDouble())) : number;
  }

  /** A number that must be there. */
  double number(String key) {
    return decimal(metadata().number(key(key)));
  }

  Optional<String> findString(String key) {
    return metadata().findString(key(key));
  }

  Optional<Boolean> findFlag(String key) {
    return metadata().findFlag(key(key));
  }

  boolean has(String key) {
    return metadata().contains(key(key));
  }

  GgufValueType type(String key) {
    return metadata().type(key(key));
  }

  boolean[] flags(String key) {
    return metadata().flags(key(key));
  }

  /** Marks keys that say nothing new. */
  void ignore(String... keys) {
    for (String key : keys) {
      key(key);
    }
  }

  /** The shortest decimal number that is the same float: 1e-5 and not 9.999999747378752e-6. */
  private static double decimal(double number) {
    float rounded = (float) number;
    return rounded == number ? Double.parseDouble(Float.toString(rounded)) : number;
  }

  /** Whether the file has a tensor. */
  boolean hasTensor(String name) {
    return file.names().contains(name);
  }

  /** Whether any layer of the file has a tensor, such as {@code attn_q.bias}. */
  boolean hasTensorOfLayers(String name) {
    return file.names().stream()
        .anyMatch(each -> each.matches("blk\\.\\d+\\." + Pattern.quote(name)));
  }

  /** The shape of a tensor that must be there. */
  long[] shape(String tensor) {
    if (!hasTensor(tensor)) {
      throw new IllegalArgumentException(
          "%s: there is no tensor %s; take another file, or convert the model again"
              .formatted(source, tensor));
    }
    return file.tensor(tensor).shape();
  }

  /**
   * The numbers of a tensor that must be there.
   *
   * @param count how many it must have, in one dimension
   */
  float[] numbers(String tensor, long count) {
    long[] shape = shape(tensor);
    if (!Arrays.equals(shape, new long[] {count})) {
      throw new IllegalArgumentException(
          "%s: tensor %s has the shape %s; expected [%d]. Take another file, or convert the model again"
              .formatted(source, tensor, Arrays.toString(shape), count));
    }
    return file.floats(tensor);
  }

  /** The values of the architecture that nobody asked for. */
  Map<String, String> unread() {
    Map<String, String> unread = new TreeMap<>();
    for (String key : metadata().keys()) {
      if (key.startsWith(prefix) && !read.contains(key)) {
        unread.put(key, value(key));
      }
    }
    return unread;
  }

  private String value(String key) {
    return switch (metadata().type(key)) {
      case STRING -> metadata().string(key);
      case BOOL -> String.valueOf(metadata().flag(key));
      case FLOAT32, FLOAT64 -> String.valueOf(decimal(metadata().number(key)));
      case ARRAY -> "an array";
      default -> String.valueOf(metadata().integer(key));
    };
  }

  /** The error for a value that means something that is not computed here. */
  UnsupportedModelException unsupported(String key, Object value, String expected) {
    return new UnsupportedModelException(
        new IllegalArgumentException(
            "%s: %s%s is %s; expected %s. Take the model in Hugging Face's format"
                .formatted(source, prefix, key, value, expected)));
  }
}
