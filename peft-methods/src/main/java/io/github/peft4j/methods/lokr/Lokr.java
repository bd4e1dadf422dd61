package io.github.peft4j.methods.lokr;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.methods.linear.LinearMethod;
import io.github.peft4j.tuner.Initial;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.TunerLayer;

/**
 * LoKr: W x + s (C ⊗ D) x, with the Kronecker product of a small matrix C and a larger one D, which
 * is of low rank (Yeh et al. 2023).
 */
public final class Lokr implements LinearMethod<LokrConfig> {

  @Override
  public String type() {
    return "LOKR";
  }

  @Override
  public Class<LokrConfig> configType() {
    return LokrConfig.class;
  }

  @Override
  public TunerLayer<NDArray, NDArray> layer(LinearSite site, LokrConfig config, Initial initial) {
    return new LokrLinear(site, config, initial);
  }
}
