package io.github.peft4j.methods.common.linear;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.TargetedConfig;
import io.github.peft4j.methods.common.BaseMethod;
import io.github.peft4j.tuner.injection.Selection;
import io.github.peft4j.tuner.injection.Sites;

/**
 * A method whose config chooses the modules to adapt. By default these are the queries and values.
 */
public abstract class TargetedMethod<C extends TargetedConfig<C>> extends BaseMethod<C> {

  /** See {@link BaseMethod}. */
  protected TargetedMethod(String type, Class<C> configType) {
    super(type, configType);
  }

  /**
   * Refuses embeddings as targets.
   *
   * @throws IllegalArgumentException if the config selects one
   */
  protected final void refuseEmbeddings(C config, Sites sites) {
    sites.embeddings(config.targetModules()).list().stream()
        .findFirst()
        .ifPresent(
            site -> {
              throw Configs.error(
                  configType(),
                  "target_modules",
                  config.targetModules(),
                  "linear maps alone: "
                      + type()
                      + " is not for embeddings, such as "
                      + site.name());
            });
  }

  /** The modules that the config names, or the default ones. */
  protected Selection<?> named(C config, Sites sites) {
    return ModuleTargets.named(config.targetModules(), sites);
  }

  /**
   * Writes the chosen modules into a new adapter's config. Otherwise PEFT, when it reads the file,
   * would take those of its own table.
   */
  @Override
  public C complete(C config, Sites sites) {
    Selection<?> meant = named(config, sites);
    return config.targetModules() == null && sites.isFresh() && !meant.isEmpty()
        ? config.targetModules(meant.targets())
        : config;
  }
}
