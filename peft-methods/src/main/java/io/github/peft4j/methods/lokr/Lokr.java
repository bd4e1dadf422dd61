package io.github.peft4j.methods.lokr;

import io.github.peft4j.methods.common.linear.LinearMethod;

/**
 * LoKr: W x + s (C ⊗ D) x, with the Kronecker product of a small matrix C and a larger one D, which
 * is of low rank (Yeh et al. 2023).
 */
public final class Lokr extends LinearMethod<LokrConfig> {

  /** The method. */
  public Lokr() {
    super(
        "LOKR", LokrConfig.class, (site, config, initial) -> new LokrLinear(site, config, initial));
  }
}
