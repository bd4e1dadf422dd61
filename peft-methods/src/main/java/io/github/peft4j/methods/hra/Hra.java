package io.github.peft4j.methods.hra;

import io.github.peft4j.Configs;
import io.github.peft4j.PeftMethod;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.LinearSite.Role;
import io.github.peft4j.tuner.Sites;
import java.util.List;

/**
 * HRA (Yuan et al. 2024): W H₁ H₂ … Hᵣ x, with Householder reflections Hᵢ = 1 - 2 uᵢ uᵢᵀ / ‖uᵢ‖².
 */
public final class Hra implements PeftMethod<HraConfig> {

  @Override
  public String type() {
    return "HRA";
  }

  @Override
  public Class<HraConfig> configType() {
    return HraConfig.class;
  }

  @Override
  public HraConfig complete(HraConfig config, Sites sites) {
    return Configs.name(config, sites, meant(config, sites));
  }

  private static Sites.Selection<LinearSite> meant(HraConfig config, Sites sites) {
    return sites.linear(config.targetModules(), Role.QUERY, Role.VALUE, Role.QUERY_KEY_VALUE);
  }

  @Override
  public void inject(HraConfig config, Sites sites) {
    List<LinearSite> targets =
        meant(config, sites)
            .excluding(config.excludeModules())
            .inLayers(config.layersToTransform(), config.layersPattern())
            .required();
    for (LinearSite site : targets) {
      sites.rewrite(site, new HraLinear(site, config, sites.initial()));
    }
    config.bias().train(targets, sites);
  }
}
