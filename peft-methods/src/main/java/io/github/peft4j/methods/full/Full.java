package io.github.peft4j.methods.full;

import io.github.peft4j.methods.common.BaseMethod;
import io.github.peft4j.tuner.injection.Sites;

/** Full fine-tuning: a copy of every tensor is trained in place of the frozen one. */
public final class Full extends BaseMethod<FullConfig> {

  /** The method. */
  public Full() {
    super("FULL", FullConfig.class);
  }

  @Override
  public void inject(FullConfig config, Sites sites) {
    sites
        .parametersOf(config.targetModules(), config.excludeModules())
        .required()
        .forEach(sites::train);
    sites.followTables();
  }
}
