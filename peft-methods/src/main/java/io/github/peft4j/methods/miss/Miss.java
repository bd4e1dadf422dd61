package io.github.peft4j.methods.miss;

import io.github.peft4j.Configs;
import io.github.peft4j.PeftMethod;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.LinearSite.Role;
import io.github.peft4j.tuner.Sites;
import java.util.List;

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
  public MissConfig complete(MissConfig config, Sites sites) {
    return Configs.name(config, sites, meant(config, sites));
  }

  private static Sites.Selection<LinearSite> meant(MissConfig config, Sites sites) {
    return sites.linear(config.targetModules(), Role.QUERY, Role.VALUE, Role.QUERY_KEY_VALUE);
  }

  @Override
  public void inject(MissConfig config, Sites sites) {
    List<LinearSite> targets =
        meant(config, sites)
            .excluding(config.excludeModules())
            .inLayers(config.layersToTransform(), config.layersPattern())
            .required();
    for (LinearSite site : targets) {
      sites.rewrite(
          site,
          config.initWeights() == MissInitialization.BAT
              ? new BatLinear(site, config, sites.initial())
              : new MissLinear(site, config, sites.initial()));
    }
    config.bias().train(targets, sites);
  }
}
