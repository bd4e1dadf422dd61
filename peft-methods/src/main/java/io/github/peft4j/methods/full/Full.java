package io.github.peft4j.methods.full;

import io.github.peft4j.PeftMethod;
import io.github.peft4j.tuner.Sites;

/** Full fine-tuning: a copy of every tensor is trained in place of the frozen one. */
public final class Full implements PeftMethod<FullConfig> {

  @Override
  public String type() {
    return "FULL";
  }

  @Override
  public Class<FullConfig> configType() {
    return FullConfig.class;
  }

  @Override
  public void inject(FullConfig config, Sites sites) {
    sites.parameters(config::trains).required().forEach(site -> sites.train(site, null));
    sites.followTables();
  }
}
