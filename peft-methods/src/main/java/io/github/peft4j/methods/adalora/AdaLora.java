package io.github.peft4j.methods.adalora;

import io.github.peft4j.methods.common.linear.TargetedMethod;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.LinearSite;
import java.util.ArrayList;
import java.util.List;

/**
 * AdaLoRA (Zhang et al. 2023): W x + s B diag(E) A x. The total rank of all modules shrinks during
 * training: the least important triplets are pruned, whichever module they belong to.
 */
public final class AdaLora extends TargetedMethod<AdaLoraConfig> {

  /** The method. */
  public AdaLora() {
    super("ADALORA", AdaLoraConfig.class);
  }

  @Override
  public void inject(AdaLoraConfig config, Sites sites) {
    List<LinearSite> targets = config.targets().linear(sites).required();
    double penalty = config.orthRegWeight() / (2 * targets.size());
    List<AdaLoraLinear> layers = new ArrayList<>();
    for (LinearSite site : targets) {
      AdaLoraLinear layer = layer(site, config, penalty, sites.initial(site));
      sites.rewrite(site, layer);
      layers.add(layer);
    }
    config.bias().train(targets, sites);
    sites.atSteps(new RankAllocator(config, layers));
  }

  private static AdaLoraLinear layer(
      LinearSite site, AdaLoraConfig config, double penalty, Initializer initial) {
    boolean plain = config.initLoraWeights();
    int r = config.rankOf(site.name());
    double deviation = plain ? 0.02 : 1;
    return new AdaLoraLinear(
        initial.normal(deviation, r, site.inFeatures()),
        plain ? initial.zeros(r, 1) : initial.normal(1, r, 1),
        initial.normal(deviation, site.outFeatures(), r),
        config.scale(),
        config.loraDropout(),
        penalty,
        site.isTransposed());
  }
}
