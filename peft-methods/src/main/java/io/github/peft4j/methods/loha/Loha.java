package io.github.peft4j.methods.loha;

import io.github.peft4j.Configs;
import io.github.peft4j.PeftMethod;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.LinearSite.Role;
import io.github.peft4j.tuner.Sites;

/**
 * LoHa: W x + s ((P₁ Q₁) ∘ (P₂ Q₂)) x, a product of rank r² out of factors of rank r (Hyeon-Woo et
 * al. 2021, FedPara).
 */
public final class Loha implements PeftMethod<LohaConfig> {

  @Override
  public String type() {
    return "LOHA";
  }

  @Override
  public Class<LohaConfig> configType() {
    return LohaConfig.class;
  }

  @Override
  public LohaConfig complete(LohaConfig config, Sites sites) {
    return Configs.name(config, sites, meant(config, sites));
  }

  private static Sites.Selection<LinearSite> meant(LohaConfig config, Sites sites) {
    return sites.linear(config.targetModules(), Role.QUERY, Role.VALUE, Role.QUERY_KEY_VALUE);
  }

  @Override
  public void inject(LohaConfig config, Sites sites) {
    for (LinearSite site :
        meant(config, sites)
            .excluding(config.excludeModules())
            .inLayers(config.layersToTransform(), config.layersPattern())
            .required()) {
      sites.rewrite(site, new LohaLinear(site, config, sites.initial()));
    }
  }
}
