package io.github.peft4j.methods.shira;

import io.github.peft4j.methods.common.linear.TargetedMethod;
import io.github.peft4j.methods.common.linear.Targets;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.Sites;

/**
 * SHiRA (Bhardwaj et al. 2024): W + S, where S is zero but for r (in + out) trained elements at
 * random places.
 */
public final class Shira extends TargetedMethod<ShiraConfig> {

  /** The method. */
  public Shira() {
    super("SHIRA", ShiraConfig.class);
  }

  @Override
  public void inject(ShiraConfig config, Sites sites) {
    for (LinearSite site : Targets.named(config.targetModules(), sites).required()) {
      sites.rewrite(site.weight(), new SparseDelta(site, config, sites.initial()));
    }
  }
}
