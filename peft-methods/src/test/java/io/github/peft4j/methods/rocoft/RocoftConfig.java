package io.github.peft4j.methods.rocoft;

import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.LinearConfig;
import io.github.peft4j.methods.common.linear.ModuleTargets;

/**
 * Settings of RoCoFT.
 *
 * @param r number of rows trained in each weight, above 0; 4
 * @param targets the modules
 */
public record RocoftConfig(int r, ModuleTargets targets) implements LinearConfig<RocoftConfig> {

  /** Checks the values. */
  public RocoftConfig {
    Configs.check(RocoftConfig.class).positive("r", r);
  }

  /** The defaults with this number of rows. */
  public static RocoftConfig ofRows(int r) {
    return new RocoftConfig(r, Configs.withDefaults(RocoftConfig.class).targets());
  }

  /** A copy on other modules. */
  @Override
  public RocoftConfig targets(ModuleTargets targets) {
    return new RocoftConfig(r, targets);
  }
}
