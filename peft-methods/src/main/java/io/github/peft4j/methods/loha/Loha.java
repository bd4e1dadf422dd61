package io.github.peft4j.methods.loha;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.methods.linear.LinearMethod;
import io.github.peft4j.tuner.Initial;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.TunerLayer;

/**
 * LoHa: W x + s ((P₁ Q₁) ∘ (P₂ Q₂)) x, a product of rank r² out of factors of rank r (Hyeon-Woo et
 * al. 2021, FedPara).
 */
public final class Loha implements LinearMethod<LohaConfig> {

  @Override
  public String type() {
    return "LOHA";
  }

  @Override
  public Class<LohaConfig> configType() {
    return LohaConfig.class;
  }

  @Override
  public TunerLayer<NDArray, NDArray> layer(LinearSite site, LohaConfig config, Initial initial) {
    return new LohaLinear(site, config, initial);
  }
}
