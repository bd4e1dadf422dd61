package io.github.peft4j.config;

/**
 * An enum in a config whose constants {@code adapter_config.json} does not call by their names,
 * such as one of {@code true}, {@code "mini"} and {@code false}. Reading and writing such a field,
 * and saying what it may be, follows from the values.
 */
public interface JsonChoice {

  /** The constant as it stands in the file: a {@code Boolean}, {@code String} or {@code Number}. */
  Object json();

  /** Whether a file may write a text in upper or lower case. */
  default boolean ignoresCase() {
    return false;
  }
}
