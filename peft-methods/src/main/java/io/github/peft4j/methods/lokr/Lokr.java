package io.github.peft4j.methods.lokr;

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
  public void inject(LokrConfig config, Sites sites) {
    for (LinearSite site :
        sites
            .linear(config.targetModules(), Role.QUERY, Role.VALUE, Role.QUERY_KEY_VALUE)
            .excluding(config.excludeModules())
            .inLayers(config.layersToTransform(), config.layersPattern())
            .required()) {
      sites.rewrite(site, new LokrLinear(site, config, sites.initial()));
    }
  }
}
