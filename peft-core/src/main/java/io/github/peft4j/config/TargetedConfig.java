package io.github.peft4j.config;

import org.jspecify.annotations.Nullable;

/**
 * Settings that say which modules are changed.
 *
 * @param <C> the config itself
 */
public interface TargetedConfig<C extends TargetedConfig<C>> extends PeftConfig {

  /** Which modules; null to leave it to the method. */
  @Nullable TargetModules targetModules();

  /** A copy on these modules; null to leave them to the method. */
  C targetModules(@Nullable TargetModules targetModules);

  /**
   * A copy on the modules whose names end so, or on every linear module but the output layer.
   *
   * @param modules name suffixes such as {@code q_proj}, or the one word {@code all-linear}
   */
  default C targetModules(String... modules) {
    return targetModules(TargetModules.of(modules));
  }
}
