package io.github.peft4j.config;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Checks the values in a config's constructor. A wrong value is an {@link IllegalArgumentException}
 * that names the config, the field, the value and the expected value, in the same words for all
 * configs.
 *
 * <pre>{@code
 * Configs.check(LohaConfig.class).rank("r", r).probability("rank_dropout", rankDropout);
 * }</pre>
 */
public final class ConfigCheck {

  private final Class<? extends PeftConfig> config;

  ConfigCheck(Class<? extends PeftConfig> config) {
    this.config = config;
  }

  /**
   * Requires a condition.
   *
   * @param fine the condition
   * @param field the value's name in adapter_config.json
   * @param expected the expected value, for the message
   */
  public ConfigCheck that(boolean fine, String field, @Nullable Object value, String expected) {
    Configs.require(fine, config, field, value, expected);
    return this;
  }

  /** Requires a rank above 0. */
  public ConfigCheck rank(String field, int value) {
    return that(value > 0, field, value, "a rank above 0");
  }

  /** Requires ranks above 0, as in {@code rank_pattern}. */
  public ConfigCheck ranks(String field, Map<String, Integer> values) {
    patterns(field, values);
    values.forEach((name, rank) -> rank(field + "." + name, rank));
    return this;
  }

  /** Requires that names of modules in a map are regular expressions. */
  public ConfigCheck patterns(String field, Map<String, ?> values) {
    values
        .keySet()
        .forEach(
            name -> {
              String what = config.getSimpleName() + ": field '" + field + "':";
              TargetModules.pattern(what, "", name, "");
            });
    return this;
  }

  /**
   * Requires a number, or null. It is neither infinite nor NaN, and adapters compute in float32,
   * which must hold it.
   */
  public ConfigCheck finite(String field, @Nullable Number value) {
    boolean fine = value == null || Math.abs(value.doubleValue()) <= Float.MAX_VALUE;
    return that(fine, field, value, "a finite number that float32 holds");
  }

  /** Requires a finite number other than 0: with this factor 0 an adapter never does anything. */
  public ConfigCheck notZero(String field, double value) {
    return finite(field, value)
        .that(value != 0, field, value, "a number other than 0, with which the adapter has effect");
  }

  /** Requires finite numbers, as in {@code alpha_pattern}. */
  public ConfigCheck finite(String field, Map<String, ? extends Number> values) {
    patterns(field, values);
    values.forEach((name, value) -> finite(field + "." + name, value));
    return this;
  }

  /** Requires a finite number above 0, or null. */
  public ConfigCheck positive(String field, @Nullable Number value) {
    return finite(field, value)
        .that(value == null || value.doubleValue() > 0, field, value, "a number above 0");
  }

  /** Requires a finite number of at least 0. */
  public ConfigCheck notNegative(String field, Number value) {
    return finite(field, value).that(value.doubleValue() >= 0, field, value, "no negative number");
  }

  /** Requires a dropout probability in [0, 1). */
  public ConfigCheck probability(String field, double value) {
    return finite(field, value).that(value >= 0 && value < 1, field, value, "a value in [0, 1)");
  }
}
