package io.github.peft4j.config;

import com.google.gson.JsonObject;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** For authors of configs: PEFT's defaults, reading, and checks. */
public final class Configs {

  private Configs() {}

  /**
   * A config with the defaults of the resource {@code adapter_config.json} in its class's package.
   */
  public static <C extends PeftConfig> C withDefaults(Class<C> type) {
    return ConfigJson.withDefaults(type);
  }

  /**
   * Reads a config. Missing fields get the defaults of the resource adapter_config.json in the
   * class's package.
   *
   * @param source the name of the file in errors
   * @throws UnsupportedMethodException if a field that the record lacks does not have its default
   */
  public static <C extends PeftConfig> C read(Class<C> type, JsonObject json, String source) {
    return ConfigJson.read(type, json, source);
  }

  /**
   * Settles a value that the model determines and that a config may leave open.
   *
   * @param field its name in adapter_config.json
   * @param present the config's value; null if it leaves the value open
   * @param value the model's value
   * @return the model's value
   * @throws IllegalArgumentException if the config has another value
   */
  public static <T> T settle(
      Class<? extends PeftConfig> config, String field, @Nullable T present, T value) {
    require(
        present == null || present.equals(value),
        config,
        field,
        present,
        value + ", as the model has it");
    return value;
  }

  /**
   * A copy of a pattern map that keeps its order. The order matters: the first expression that
   * matches a module counts.
   */
  public static <T> Map<String, T> inOrder(Map<String, T> pattern) {
    return Collections.unmodifiableMap(new LinkedHashMap<>(pattern));
  }

  /**
   * A module's value in a pattern map such as {@code rank_pattern}.
   *
   * @param pattern values by regular expression over the ends of module names; the first match
   *     counts
   * @param otherwise the value of a module that no expression matches
   */
  public static <T> T ofModule(Map<String, T> pattern, String module, T otherwise) {
    return pattern.entrySet().stream()
        .filter(
            entry ->
                TargetModules.pattern("the pattern", "(.*\\.)?(", entry.getKey(), ")")
                    .matcher(module)
                    .matches())
        .findFirst()
        .map(Map.Entry::getValue)
        .orElse(otherwise);
  }

  /** Starts the checks of a config's constructor. */
  public static ConfigCheck check(Class<? extends PeftConfig> config) {
    return new ConfigCheck(config);
  }

  /**
   * Checks one value.
   *
   * @param field its name in adapter_config.json
   * @param expected the expected value, for the message
   * @throws IllegalArgumentException if the condition is false; the message names config, field,
   *     value and expected value
   */
  public static void require(
      boolean fine,
      Class<? extends PeftConfig> config,
      String field,
      @Nullable Object value,
      String expected) {
    if (!fine) {
      throw error(config, field, value, expected);
    }
  }

  /**
   * The error for a wrong value.
   *
   * @param field its name in adapter_config.json
   * @param expected the expected value, for the message
   */
  public static IllegalArgumentException error(
      Class<? extends PeftConfig> config, String field, @Nullable Object value, String expected) {
    return new IllegalArgumentException(
        config.getSimpleName() + ": field '" + field + "' is " + value + "; expected " + expected);
  }
}
