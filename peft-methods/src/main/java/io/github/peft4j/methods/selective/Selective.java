package io.github.peft4j.methods.selective;

import io.github.peft4j.methods.common.BaseMethod;
import io.github.peft4j.tuner.injection.Sites;

/** Selective tuning: copies of the chosen tensors are trained in place of the frozen ones. */
public final class Selective extends BaseMethod<SelectiveConfig> {

  /** The method. */
  public Selective() {
    super("SELECTIVE", SelectiveConfig.class);
  }

  @Override
  public void inject(SelectiveConfig config, Sites sites) {
    config.select().of(sites).forEach(sites::train);
    sites.followTables();
  }
}
