package io.github.peft4j.methods.lokr;

import io.github.peft4j.Configs;
import io.github.peft4j.PeftMethod;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.LinearSite.Role;
import io.github.peft4j.tuner.Sites;

/**
 * LoKr: W x + s (C ⊗ D) x, with the Kronecker product of a small matrix C and a larger one D, which
 * is of low rank (Yeh et al. 2023).
 */
public final class Lokr implements PeftMethod<LokrConfig> {

  @Override
  public String type() {
    return "LOKR";
  }

  @Override
  public Class<LokrConfig> configType() {
    return LokrConfig.class;
  }

  @Override
  public LokrConfig complete(LokrConfig config, Sites sites) {
    return Configs.name(config, sites, meant(config, sites));
  }

  private static Sites.Selection<LinearSite> meant(LokrConfig config, Sites sites) {
    return sites.linear(config.targetModules(), Role.QUERY, Role.VALUE, Role.QUERY_KEY_VALUE);
  }

  @Override
  public void inject(LokrConfig config, Sites sites) {
    for (LinearSite site :
        meant(config, sites)
            .excluding(config.excludeModules())
            .inLayers(config.layersToTransform(), config.layersPattern())
            .required()) {
      sites.rewrite(site, new LokrLinear(site, config, sites.initial()));
    }
  }
}
