package io.github.peft4j.config;

/**
 * An enum in a config whose constants have other values in {@code adapter_config.json} than their
 * names, such as {@code true}, {@code "mini"} and {@code false}. Reading, writing and error
 * messages use these values.
 */
public interface JsonChoice {

  /** The constant's value in the file: a {@code Boolean}, {@code String} or {@code Number}. */
  Object json();

  /** Whether a string in the file may be in upper or lower case. */
  default boolean ignoresCase() {
    return false;
  }
}
