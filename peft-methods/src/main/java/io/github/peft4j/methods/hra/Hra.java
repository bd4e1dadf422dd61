package io.github.peft4j.methods.hra;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.methods.linear.LinearMethod;
import io.github.peft4j.tuner.Initial;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.TunerLayer;

/**
 * HRA (Yuan et al. 2024): W H₁ H₂ … Hᵣ x, with Householder reflections Hᵢ = 1 - 2 uᵢ uᵢᵀ / ‖uᵢ‖².
 */
public final class Hra implements LinearMethod<HraConfig> {

  @Override
  public String type() {
    return "HRA";
  }

  @Override
  public Class<HraConfig> configType() {
    return HraConfig.class;
  }

  @Override
  public TunerLayer<NDArray, NDArray> layer(LinearSite site, HraConfig config, Initial initial) {
    return new HraLinear(site, config, initial);
  }
}
