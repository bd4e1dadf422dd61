package io.github.peft4j.methods.lokr;

import io.github.peft4j.methods.common.linear.LinearMethod;
import io.github.peft4j.methods.common.linear.RowDropout;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.LinearSite;

/**
 * LoKr: W x + s (C ⊗ D) x, with the Kronecker product of a small matrix C and a larger one D, which
 * is of low rank (Yeh et al. 2023).
 */
public final class Lokr extends LinearMethod<LokrConfig> {

  /** The method. */
  public Lokr() {
    super("LOKR", LokrConfig.class, Lokr::layer);
  }

  private static LokrLinear layer(LinearSite site, LokrConfig config, Initializer initial) {
    int r = config.ranks().of(site.name());
    return new LokrLinear(
        LokrLinear.Sizes.of(site, r, config.decomposeFactor(), config.decomposeBoth()),
        config.ranks().scaleOf(site.name()),
        config.initWeights(),
        new RowDropout(
            config.rankDropout(),
            config.rankDropoutScale(),
            config.moduleDropout(),
            site.outFeatures()),
        site.isTransposed(),
        initial);
  }
}
