package io.github.peft4j.methods.common.linear;

import io.github.peft4j.config.TargetedConfig;
import io.github.peft4j.methods.common.BaseMethod;
import io.github.peft4j.tuner.injection.Selection;
import io.github.peft4j.tuner.injection.Sites;

/**
 * A method whose config says which modules it changes: queries and values where it leaves that
 * open.
 */
public abstract class TargetedMethod<C extends TargetedConfig<C>> extends BaseMethod<C> {

  /** See {@link BaseMethod}. */
  protected TargetedMethod(String type, Class<C> configType) {
    super(type, configType);
  }

  /** The modules that the config names, or that are meant where it names none. */
  protected Selection<?> named(C config, Sites sites) {
    return ModuleTargets.named(config.targetModules(), sites);
  }

  /**
   * A fresh adapter's config names the modules that the method means: PEFT, reading the file, would
   * take those of its own table of models.
   */
  @Override
  public C complete(C config, Sites sites) {
    Selection<?> meant = named(config, sites);
    return config.targetModules() == null && sites.isFresh() && !meant.isEmpty()
        ? config.targetModules(meant.targets())
        : config;
  }
}
