package io.github.peft4j.methods.road;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.ModuleTargets;
import io.github.peft4j.methods.common.linear.TargetedMethod;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.LinearSite;

/** RoAd (Liao and Monz 2024): R (W x + b), where R rotates and scales pairs of outputs. */
public final class Road extends TargetedMethod<RoadConfig> {

  /** The method. */
  public Road() {
    super("ROAD", RoadConfig.class);
  }

  @Override
  public void inject(RoadConfig config, Sites sites) {
    refuseEmbeddings(config, sites);
    for (LinearSite site : ModuleTargets.named(config.targetModules(), sites).required()) {
      sites.rewrite(site, layer(site, config, sites.initial(site)));
    }
  }

  private static RoadLinear layer(LinearSite site, RoadConfig config, Initializer initial) {
    long out = site.outFeatures();
    Configs.require(
        out % config.groupSize() == 0,
        RoadConfig.class,
        "group_size",
        config.groupSize(),
        "a divisor of " + out + ", the number of outputs of " + site.name());
    long n = out / 2 * config.variant().perPair();
    NDArray angles = config.initWeights() ? initial.zeros(n) : initial.normal(0.5, n);
    NDArray scales = config.initWeights() ? initial.filled(1, n) : initial.normalAround(1, 0.5, n);
    return new RoadLinear(site, config, angles, scales);
  }
}
