package io.github.peft4j.methods.miss;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.LinearMethod;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.LinearSite;

/** MiSS (Kang and Yin 2024): W x + Dᵀ Σⱼ xⱼ, where the xⱼ are the shards of length r of x. */
public final class Miss extends LinearMethod<MissConfig> {

  /** The method. */
  public Miss() {
    super("MISS", MissConfig.class, Miss::layer);
  }

  private static TunerLayer<NDArray, NDArray> layer(
      LinearSite site, MissConfig config, Initializer initial) {
    return config.initWeights() == MissInitialization.BAT
        ? bat(site, config.r(), initial)
        : miss(site, config, initial);
  }

  private static MissLinear miss(LinearSite site, MissConfig config, Initializer initial) {
    long out = site.outFeatures();
    long width = config.initWeights() == MissInitialization.MINI ? config.miniR() : out;
    Configs.require(
        out % width == 0,
        MissConfig.class,
        "mini_r",
        width,
        "a divisor of " + out + ", the number of outputs of " + site.name());
    return new MissLinear(
        site,
        config.initWeights() == MissInitialization.RANDOM
            ? initial.kaimingUniform(config.r(), width)
            : initial.zeros(config.r(), width),
        config.missDropout());
  }

  private static BatLinear bat(LinearSite site, int r, Initializer initial) {
    long in = site.inFeatures();
    long out = site.outFeatures();
    Configs.require(
        in % r == 0 && out % r == 0,
        MissConfig.class,
        "r",
        r,
        "a divisor of " + in + " and " + out + ", the sides of " + site.name());
    return new BatLinear(site, initial.zeros(out / r, r, r));
  }
}
