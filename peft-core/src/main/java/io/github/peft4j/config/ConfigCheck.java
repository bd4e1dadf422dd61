package io.github.peft4j.config;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a config's constructor asks of its values, in the words that all configs share. A value that
 * is not fine is an {@link IllegalArgumentException} that names the config, the field and the
 * value, and says what was expected.
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
   * Any condition.
   *
   * @param field the value's name in adapter_config.json
   * @param expected what it should have been
   */
  public ConfigCheck that(boolean fine, String field, @Nullable Object value, String expected) {
    Configs.require(fine, config, field, value, expected);
    return this;
  }

  /** A rank: above 0. */
  public ConfigCheck rank(String field, int value) {
    return that(value > 0, field, value, "a rank above 0");
  }

  /** Ranks of some modules. */
  public ConfigCheck ranks(String field, Map<String, Integer> values) {
    values.forEach((name, rank) -> rank(field + "." + name, rank));
    return this;
  }

  /** Neither infinite nor NaN, if it is there. */
  public ConfigCheck finite(String field, @Nullable Number value) {
    return that(
        value == null || Double.isFinite(value.doubleValue()), field, value, "a finite number");
  }

  /** Finite numbers of some modules. */
  public ConfigCheck finite(String field, Map<String, ? extends Number> values) {
    values.forEach((name, value) -> finite(field + "." + name, value));
    return this;
  }

  /** Above 0 and finite, if it is there. */
  public ConfigCheck positive(String field, @Nullable Number value) {
    return finite(field, value)
        .that(value == null || value.doubleValue() > 0, field, value, "a number above 0");
  }

  /** At least 0 and finite. */
  public ConfigCheck notNegative(String field, Number value) {
    return finite(field, value).that(value.doubleValue() >= 0, field, value, "no negative number");
  }

  /** The probability of a dropout: at least 0 and below 1. */
  public ConfigCheck probability(String field, double value) {
    return finite(field, value).that(value >= 0 && value < 1, field, value, "a value in [0, 1)");
  }
}
