package io.github.peft4j.methods.fourierft;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.methods.linear.DefaultTargets;
import io.github.peft4j.methods.linear.LinearMethod;
import io.github.peft4j.tuner.Initial;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.TunerLayer;

/**
 * FourierFT (Gao et al. 2024): W x + s Re(F⁻¹(S)) x, where the spectrum S is zero but for some
 * places that are chosen at random once.
 */
public final class FourierFt implements LinearMethod<FourierFtConfig> {

  private static final DefaultTargets DEFAULTS =
      DefaultTargets.beside(FourierFt.class, "target_modules");

  @Override
  public String type() {
    return "FOURIERFT";
  }

  @Override
  public Class<FourierFtConfig> configType() {
    return FourierFtConfig.class;
  }

  @Override
  public DefaultTargets defaultTargets() {
    return DEFAULTS;
  }

  @Override
  public TunerLayer<NDArray, NDArray> layer(
      LinearSite site, FourierFtConfig config, Initial initial) {
    return new FourierFtLinear(site, config, initial);
  }
}
