package io.github.peft4j.methods.shira;

import io.github.peft4j.Configs;
import io.github.peft4j.PeftMethod;
import io.github.peft4j.methods.linear.DefaultTargets;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.LinearSite.Role;
import io.github.peft4j.tuner.ParameterSite;
import io.github.peft4j.tuner.Site;
import io.github.peft4j.tuner.Sites;

/**
 * SHiRA (Bhardwaj et al. 2024): W + S, where S is zero but for r (in + out) trained elements at
 * random places.
 */
public final class Shira implements PeftMethod<ShiraConfig> {

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
  public ShiraConfig asRead(ShiraConfig config, String modelType) {
    return DEFAULTS.complete(config, config.targetModules(), modelType);
  }

  @Override
  public ShiraConfig complete(ShiraConfig config, Sites sites) {
    return Configs.name(config, sites, meant(config, sites));
  }

  private static Sites.Selection<LinearSite> meant(ShiraConfig config, Sites sites) {
    return sites.linear(config.targetModules(), Role.QUERY, Role.VALUE, Role.QUERY_KEY_VALUE);
  }

  @Override
  public void inject(ShiraConfig config, Sites sites) {
    for (LinearSite site : meant(config, sites).required()) {
      sites.rewrite(site.weight(), new SparseDelta(site, config, sites.initial()));
    }
  }

  /** Named after the module, not after its weight. */
  @Override
  public String tensorName(Site<?, ?> site, String key) {
    return key.isEmpty() || !(site instanceof ParameterSite)
        ? PeftMethod.super.tensorName(site, key)
        : modulePrefix() + site.name().replaceAll("weight$", key);
  }
}
