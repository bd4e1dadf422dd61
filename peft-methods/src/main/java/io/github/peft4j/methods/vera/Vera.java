package io.github.peft4j.methods.vera;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.TorchRandom;
import io.github.peft4j.methods.linear.DefaultTargets;
import io.github.peft4j.methods.linear.TargetedMethod;
import io.github.peft4j.methods.linear.Targets;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.Sites;
import java.util.List;

/**
 * VeRA (Kopiczko et al. 2023): W x + b ∘ (B (d ∘ (A x))). A and B are random, frozen and shared by
 * all modules, each of which takes as many columns of A and rows of B as it needs.
 */
public final class Vera implements TargetedMethod<VeraConfig> {

  private static final DefaultTargets DEFAULTS =
      DefaultTargets.beside(Vera.class, "target_modules");

  @Override
  public String type() {
    return "VERA";
  }

  @Override
  public Class<VeraConfig> configType() {
    return VeraConfig.class;
  }

  @Override
  public DefaultTargets defaultTargets() {
    return DEFAULTS;
  }

  @Override
  public void inject(VeraConfig config, Sites sites) {
    List<LinearSite> targets =
        Targets.named(config.targetModules(), sites)
            .inLayers(config.layersToTransform(), config.layersPattern())
            .required();
    int in = (int) targets.stream().mapToLong(LinearSite::inFeatures).max().orElseThrow();
    int out = (int) targets.stream().mapToLong(LinearSite::outFeatures).max().orElseThrow();
    int r = config.r();
    NDArray a;
    NDArray b;
    try (TorchRandom random = new TorchRandom(config.projectionPrngKey())) {
      a = sites.initial().of(random.uniform(Math.sqrt(6.0 / in), r * in), r, in);
      b = sites.initial().of(random.uniform(Math.sqrt(6.0 / r), out * r), out, r);
    }
    if (config.saveProjection()) {
      sites.store("base_model.vera_A", a);
      sites.store("base_model.vera_B", b);
    }
    for (LinearSite site : targets) {
      sites.rewrite(site, new VeraLinear(site, config, a, b, sites.initial()));
    }
    config.bias().train(targets, sites);
  }
}
