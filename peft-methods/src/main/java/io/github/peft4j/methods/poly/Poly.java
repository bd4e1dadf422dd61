package io.github.peft4j.methods.poly;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.ModuleTargets;
import io.github.peft4j.methods.common.linear.TargetedMethod;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.LinearSite;

/**
 * Poly (Ponti et al. 2022): W x + b + B(t) A(t) x / r, where A(t) and B(t) are mixed for task t.
 */
public final class Poly extends TargetedMethod<PolyConfig> {

  /** The method. */
  public Poly() {
    super("POLY", PolyConfig.class);
  }

  @Override
  public void inject(PolyConfig config, Sites sites) {
    refuseEmbeddings(config, sites);
    ModuleTargets targets =
        new ModuleTargets(config.targetModules(), config.excludeModules(), null, null, null);
    for (LinearSite site : targets.linear(sites).required()) {
      sites.rewrite(site, layer(site, config, sites.initial(site)));
    }
  }

  private static PolyLinear layer(LinearSite site, PolyConfig config, Initializer initial) {
    long in = site.inFeatures();
    long out = site.outFeatures();
    int splits = config.nSplits();
    Configs.require(
        in % splits == 0 && out % splits == 0,
        PolyConfig.class,
        "n_splits",
        splits,
        "a divisor of %d and %d, the inputs and outputs of %s".formatted(in, out, site.name()));
    long q = splits;
    long s = config.nSkills();
    long r = config.r();
    NDArray a = initial.uniform(1 / Math.sqrt((double) in / q), q, s, in / q, r);
    NDArray b =
        config.initWeights()
            ? initial.zeros(q, s, r, out / q)
            : initial.uniform(1 / Math.sqrt((double) r), q, s, r, out / q);
    NDArray logits = initial.uniform(1e-3, config.nTasks(), q * s);
    return new PolyLinear(site, config, a, b, logits);
  }
}
