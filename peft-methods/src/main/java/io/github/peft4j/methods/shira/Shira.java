package io.github.peft4j.methods.shira;

import io.github.peft4j.methods.linear.DefaultTargets;
import io.github.peft4j.methods.linear.TargetedMethod;
import io.github.peft4j.methods.linear.Targets;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.ParameterSite;
import io.github.peft4j.tuner.Site;
import io.github.peft4j.tuner.Sites;

/**
 * SHiRA (Bhardwaj et al. 2024): W + S, where S is zero but for r (in + out) trained elements at
 * random places.
 */
public final class Shira implements TargetedMethod<ShiraConfig> {

  private static final DefaultTargets DEFAULTS =
      DefaultTargets.beside(Shira.class, "target_modules");

  @Override
  public String type() {
    return "SHIRA";
  }

  @Override
  public Class<ShiraConfig> configType() {
    return ShiraConfig.class;
  }

  @Override
  public DefaultTargets defaultTargets() {
    return DEFAULTS;
  }

  @Override
  public void inject(ShiraConfig config, Sites sites) {
    for (LinearSite site : Targets.named(config.targetModules(), sites).required()) {
      sites.rewrite(site.weight(), new SparseDelta(site, config, sites.initial()));
    }
  }

  /** Named after the module, not after its weight. */
  @Override
  public String tensorName(Site<?, ?> site, String key) {
    return key.isEmpty() || !(site instanceof ParameterSite)
        ? TargetedMethod.super.tensorName(site, key)
        : modulePrefix() + site.name().replaceAll("weight$", key);
  }
}
