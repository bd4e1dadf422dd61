package io.github.peft4j.methods.hra;

import io.github.peft4j.methods.common.linear.LinearMethod;

/**
 * HRA (Yuan et al. 2024): W H₁ H₂ … Hᵣ x, with Householder reflections Hᵢ = 1 - 2 uᵢ uᵢᵀ / ‖uᵢ‖².
 */
public final class Hra extends LinearMethod<HraConfig> {

  /** The method. */
  public Hra() {
    super("HRA", HraConfig.class, (site, config, initial) -> new HraLinear(site, config, initial));
  }
}
