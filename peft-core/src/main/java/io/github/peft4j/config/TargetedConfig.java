package io.github.peft4j.config;

import org.jspecify.annotations.Nullable;

/**
 * A config that selects modules by name.
 *
 * @param <C> the config itself
 */
public interface TargetedConfig<C extends TargetedConfig<C>> extends PeftConfig {

  /** The selected modules; null for the method's default. */
  @Nullable TargetModules targetModules();

  /** A copy with these target modules; null for the method's default. */
  C targetModules(@Nullable TargetModules targetModules);

  /**
   * A copy whose target modules have one of these name suffixes, or are all linear modules except
   * the output layer.
   *
   * @param modules name suffixes such as {@code q_proj}, or {@code all-linear} alone
   */
  default C targetModules(String... modules) {
    return targetModules(TargetModules.of(modules));
  }
}
