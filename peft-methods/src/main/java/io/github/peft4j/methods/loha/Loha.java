package io.github.peft4j.methods.loha;

import io.github.peft4j.methods.common.linear.LinearMethod;

/**
 * LoHa: W x + s ((P₁ Q₁) ∘ (P₂ Q₂)) x, a product of rank r² out of factors of rank r (Hyeon-Woo et
 * al. 2021, FedPara).
 */
public final class Loha extends LinearMethod<LohaConfig> {

  /** The method. */
  public Loha() {
    super(
        "LOHA", LohaConfig.class, (site, config, initial) -> new LohaLinear(site, config, initial));
  }
}
