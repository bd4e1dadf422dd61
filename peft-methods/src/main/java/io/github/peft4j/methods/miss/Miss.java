package io.github.peft4j.methods.miss;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.methods.linear.LinearMethod;
import io.github.peft4j.tuner.Initial;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.TunerLayer;

/** MiSS (Kang and Yin 2024): W x + Dᵀ Σⱼ xⱼ, where the xⱼ are the shards of length r of x. */
public final class Miss implements LinearMethod<MissConfig> {

  @Override
  public String type() {
    return "MISS";
  }

  @Override
  public Class<MissConfig> configType() {
    return MissConfig.class;
  }

  @Override
  public TunerLayer<NDArray, NDArray> layer(LinearSite site, MissConfig config, Initial initial) {
    return config.initWeights() == MissInitialization.BAT
        ? new BatLinear(site, config, initial)
        : new MissLinear(site, config, initial);
  }
}
