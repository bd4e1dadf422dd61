package io.github.peft4j.methods.shira;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.config.Configs;
import io.github.peft4j.kernel.TorchRandom;
import io.github.peft4j.methods.common.linear.ModuleTargets;
import io.github.peft4j.methods.common.linear.TargetedMethod;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.LinearSite;
import java.util.Arrays;

/**
 * SHiRA (Bhardwaj et al. 2024): W + S, where S is zero except for r (in + out) trainable elements
 * at random positions.
 */
public final class Shira extends TargetedMethod<ShiraConfig> {

  /** The method. */
  public Shira() {
    super("SHIRA", ShiraConfig.class);
  }

  @Override
  public void inject(ShiraConfig config, Sites sites) {
    for (LinearSite site : ModuleTargets.named(config.targetModules(), sites).required()) {
      sites.rewrite(site.weight(), layer(site, config, sites.initial(site)));
    }
  }

  private static SparseDelta layer(LinearSite site, ShiraConfig config, Initializer initial) {
    long elements = site.inFeatures() * site.outFeatures();
    long wanted = config.r() * (site.inFeatures() + site.outFeatures());
    Configs.require(
        wanted <= elements,
        ShiraConfig.class,
        "r",
        config.r(),
        "fewer elements than the "
            + elements
            + " of "
            + site.name()
            + ", but that would be "
            + wanted);
    int count = Math.toIntExact(wanted);
    NDArray values = config.initWeights() ? initial.zeros(count) : initial.normal(1, count);
    Integer said = config.randomSeed();
    long seed = said == null ? initial.random().nextLong() >>> 1 : said;
    long[] chosen;
    try (TorchRandom random = new TorchRandom(seed)) {
      chosen = Arrays.copyOf(random.permutation(elements), count);
    }
    Arrays.sort(chosen);
    return new SparseDelta(site, values, chosen);
  }
}
