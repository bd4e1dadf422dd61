package io.github.peft4j.methods.fourierft;

import io.github.peft4j.methods.common.linear.LinearMethod;

/**
 * FourierFT (Gao et al. 2024): W x + s Re(F⁻¹(S)) x, where the spectrum S is zero but for some
 * places that are chosen at random once.
 */
public final class FourierFt extends LinearMethod<FourierFtConfig> {

  /** The method. */
  public FourierFt() {
    super(
        "FOURIERFT",
        FourierFtConfig.class,
        (site, config, initial) -> new FourierFtLinear(site, config, initial));
  }
}
