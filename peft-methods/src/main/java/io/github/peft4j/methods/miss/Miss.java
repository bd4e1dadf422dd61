package io.github.peft4j.methods.miss;

import io.github.peft4j.PeftMethod;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.LinearSite.Role;
import io.github.peft4j.tuner.Sites;

/** MiSS (Kang and Yin 2024): W x + Dᵀ Σⱼ xⱼ, where the xⱼ are the shards of length r of x. */
public final class Miss implements PeftMethod<MissConfig> {

  @Override
  public String type() {
    return "MISS";
  }

  @Override
  public Class<MissConfig> configType() {
    return MissConfig.class;
  }

  @Override
  public void inject(MissConfig config, Sites sites) {
    for (LinearSite site :
        sites
            .linear(config.targetModules(), Role.QUERY, Role.VALUE, Role.QUERY_KEY_VALUE)
            .excluding(config.excludeModules())
            .inLayers(config.layersToTransform(), config.layersPattern())
            .required()) {
      sites.rewrite(site, new MissLinear(site, config, sites.initial()));
    }
  }
}
