package io.github.peft4j.methods.linear;

import io.github.peft4j.Configs;
import io.github.peft4j.PeftMethod;
import io.github.peft4j.TargetedConfig;
import io.github.peft4j.tuner.Selection;
import io.github.peft4j.tuner.Sites;

/**
 * A method whose config says which modules it changes: queries and values where it leaves that
 * open, and Hugging Face PEFT's own choice where a file does.
 */
public interface TargetedMethod<C extends TargetedConfig<C>> extends PeftMethod<C> {

  /** PEFT's table of modules by model type. */
  default DefaultTargets defaultTargets() {
    return DefaultTargets.COMMON;
  }

  /** The modules that the config names, or that are meant where it names none. */
  default Selection<?> named(C config, Sites sites) {
    return Targets.named(config.targetModules(), sites);
  }

  /** With PEFT's modules where a file names none. */
  @Override
  default C asRead(C config, String modelType) {
    return config.targetModules() != null
        ? config
        : config.targetModules(defaultTargets().of(modelType));
  }

  /** With the modules that are meant by name. */
  @Override
  default C complete(C config, Sites sites) {
    return Configs.name(config, sites, named(config, sites));
  }
}
