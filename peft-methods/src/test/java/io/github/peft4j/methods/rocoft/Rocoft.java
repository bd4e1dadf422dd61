package io.github.peft4j.methods.rocoft;

import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.LinearMethod;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.LinearSite;

/** RoCoFT (Kowsher et al. 2025, arXiv:2410.10075), row version: the first r rows are trained. */
public final class Rocoft extends LinearMethod<RocoftConfig> {

  /** The method. */
  public Rocoft() {
    super("ROCOFT", RocoftConfig.class, Rocoft::layer);
  }

  private static RowsLinear layer(LinearSite site, RocoftConfig config, Initializer initial) {
    boolean fits = config.r() <= site.outFeatures();
    String expected = "at most " + site.outFeatures() + ", the outputs of " + site.name();
    Configs.require(fits, RocoftConfig.class, "r", config.r(), expected);
    return new RowsLinear(site, initial.zeros(config.r(), site.inFeatures()));
  }
}
