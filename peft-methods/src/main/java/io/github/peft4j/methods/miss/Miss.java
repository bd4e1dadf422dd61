package io.github.peft4j.methods.miss;

import io.github.peft4j.methods.common.linear.LinearMethod;

/** MiSS (Kang and Yin 2024): W x + Dᵀ Σⱼ xⱼ, where the xⱼ are the shards of length r of x. */
public final class Miss extends LinearMethod<MissConfig> {

  /** The method. */
  public Miss() {
    super(
        "MISS",
        MissConfig.class,
        (site, config, initial) ->
            config.initWeights() == MissInitialization.BAT
                ? new BatLinear(site, config, initial)
                : new MissLinear(site, config, initial));
  }
}
