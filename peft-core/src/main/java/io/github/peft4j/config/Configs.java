package io.github.peft4j.config;

import com.google.gson.JsonObject;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** For authors of configs: PEFT's defaults, reading, and checks. */
public final class Configs {

  private Configs() {}

  /** A config whose every field has the default that {@code adapter_config.json} beside it says. */
  public static <C extends PeftConfig> C withDefaults(Class<C> type) {
    return ConfigJson.withDefaults(type);
  }

  /**
   * Reads a config whose defaults lie beside its class, in adapter_config.json.
   *
   * @param source what errors call the file
   * @throws UnsupportedMethodException if a field that the record lacks has another value there
   */
  public static <C extends PeftConfig> C read(Class<C> type, JsonObject json, String source) {
    return ConfigJson.read(type, json, source);
  }

  /**
   * A value that a config may leave open and the model knows.
   *
   * @param field its name in adapter_config.json
   * @param present what the config has; null where it leaves the value open
   * @param value what the model has
   * @return the model's value
   * @throws IllegalArgumentException if the config has another
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

  /** A pattern's copy, which keeps the order: the first pattern that fits a module counts. */
  public static <T> Map<String, T> inOrder(Map<String, T> pattern) {
    return Collections.unmodifiableMap(new LinkedHashMap<>(pattern));
  }

  /**
   * What a pattern such as {@code rank_pattern} says of a module.
   *
   * @param pattern values by regular expression over endings of names; the first that fits counts
   * @param otherwise the value of modules that none fits
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

  /** Checks the values in a config's constructor. */
  public static ConfigCheck check(Class<? extends PeftConfig> config) {
    return new ConfigCheck(config);
  }

  /**
   * Checks one value.
   *
   * @param field its name in adapter_config.json
   * @param expected what it should have been
   * @throws IllegalArgumentException naming all of these, if it is not fine
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
   * The error of a wrong value.
   *
   * @param field its name in adapter_config.json
   * @param expected what it should have been
   */
  public static IllegalArgumentException error(
      Class<? extends PeftConfig> config, String field, @Nullable Object value, String expected) {
    return new IllegalArgumentException(
        config.getSimpleName() + ": field '" + field + "' is " + value + "; expected " + expected);
  }
}
