package io.github.peft4j.methods.oft;

import io.github.peft4j.Configs;
import io.github.peft4j.PeftMethod;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.LinearSite.Role;
import io.github.peft4j.tuner.Sites;
import java.util.List;

/**
 * OFT (Qiu et al. 2023): W R x with a rotation R in blocks, (1 - Q)(1 + Q)⁻¹ of a skew-symmetric Q,
 * so that the angles between the rows of W stay as they are.
 */
public final class Oft implements PeftMethod<OftConfig> {

  @Override
  public String type() {
    return "OFT";
  }

  @Override
  public Class<OftConfig> configType() {
    return OftConfig.class;
  }

  @Override
  public OftConfig complete(OftConfig config, Sites sites) {
    return Configs.name(config, sites, meant(config, sites));
  }

  private static Sites.Selection<LinearSite> meant(OftConfig config, Sites sites) {
    return sites.linear(config.targetModules(), Role.QUERY, Role.VALUE, Role.QUERY_KEY_VALUE);
  }

  @Override
  public void inject(OftConfig config, Sites sites) {
    List<LinearSite> targets =
        meant(config, sites)
            .excluding(config.excludeModules())
            .inLayers(config.layersToTransform(), config.layersPattern())
            .required();
    for (LinearSite site : targets) {
      sites.rewrite(site, new OftLinear(site, config, sites.initial()));
    }
    config.bias().train(targets, sites);
  }
}
