package io.github.peft4j.methods.fourierft;

import io.github.peft4j.Configs;
import io.github.peft4j.PeftMethod;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.LinearSite.Role;
import io.github.peft4j.tuner.Sites;
import java.util.List;

/**
 * FourierFT (Gao et al. 2024): W x + s Re(F⁻¹(S)) x, where the spectrum S is zero but for some
 * places that are chosen at random once.
 */
public final class FourierFt implements PeftMethod<FourierFtConfig> {

  @Override
  public String type() {
    return "FOURIERFT";
  }

  @Override
  public Class<FourierFtConfig> configType() {
    return FourierFtConfig.class;
  }

  @Override
  public FourierFtConfig complete(FourierFtConfig config, Sites sites) {
    return Configs.name(config, sites, meant(config, sites));
  }

  private static Sites.Selection<LinearSite> meant(FourierFtConfig config, Sites sites) {
    return sites.linear(config.targetModules(), Role.QUERY, Role.VALUE, Role.QUERY_KEY_VALUE);
  }

  @Override
  public void inject(FourierFtConfig config, Sites sites) {
    List<LinearSite> targets =
        meant(config, sites)
            .excluding(config.excludeModules())
            .inLayers(config.layersToTransform(), config.layersPattern())
            .required();
    for (LinearSite site : targets) {
      sites.rewrite(site, new FourierFtLinear(site, config, sites.initial()));
    }
    config.bias().train(targets, sites);
  }
}
