package io.github.peft4j.methods.boft;

import io.github.peft4j.Configs;
import io.github.peft4j.PeftMethod;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.LinearSite.Role;
import io.github.peft4j.tuner.Sites;
import java.util.List;
import java.util.Map;

/**
 * BOFT (Liu et al. 2023): diag(s) W R x, with a rotation R that is a product of butterfly layers:
 * blocks of rotations between permutations.
 */
public final class Boft implements PeftMethod<BoftConfig> {

  @Override
  public String type() {
    return "BOFT";
  }

  @Override
  public Class<BoftConfig> configType() {
    return BoftConfig.class;
  }

  /**
   * PEFT computes one butterfly layer unless its CUDA extension is there, whatever is asked for.
   */
  @Override
  public BoftConfig asStored(BoftConfig config, Map<String, long[]> shapes) {
    return shapes.entrySet().stream()
        .filter(tensor -> tensor.getKey().endsWith(".boft_R"))
        .findFirst()
        .map(tensor -> config.butterflies((int) tensor.getValue()[0]))
        .orElse(config);
  }

  @Override
  public BoftConfig complete(BoftConfig config, Sites sites) {
    return Configs.name(config, sites, meant(config, sites));
  }

  private static Sites.Selection<LinearSite> meant(BoftConfig config, Sites sites) {
    return sites.linear(config.targetModules(), Role.QUERY, Role.VALUE, Role.QUERY_KEY_VALUE);
  }

  @Override
  public void inject(BoftConfig config, Sites sites) {
    List<LinearSite> targets =
        meant(config, sites)
            .excluding(config.excludeModules())
            .inLayers(config.layersToTransform(), config.layersPattern())
            .required();
    for (LinearSite site : targets) {
      sites.rewrite(site, new BoftLinear(site, config, sites.initial()));
    }
    config.bias().train(targets, sites);
  }
}
