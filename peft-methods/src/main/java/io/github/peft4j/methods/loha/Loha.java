package io.github.peft4j.methods.loha;

import io.github.peft4j.methods.common.linear.LinearMethod;
import io.github.peft4j.methods.common.linear.RowDropout;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.LinearSite;

/**
 * LoHa: W x + s ((P₁ Q₁) ∘ (P₂ Q₂)) x, an update of rank up to r² from factors of rank r (Hyeon-Woo
 * et al. 2021, FedPara).
 */
public final class Loha extends LinearMethod<LohaConfig> {

  /** The method. */
  public Loha() {
    super("LOHA", LohaConfig.class, Loha::layer);
  }

  private static LohaLinear layer(LinearSite site, LohaConfig config, Initializer initial) {
    int r = config.ranks().of(site.name());
    long in = site.inFeatures();
    long out = site.outFeatures();
    return new LohaLinear(
        initial.kaimingUniform(out, r),
        initial.kaimingUniform(r, in),
        initial.kaimingUniform(out, r),
        config.initWeights() ? initial.zeros(r, in) : initial.kaimingUniform(r, in),
        config.ranks().scaleOf(site.name()),
        new RowDropout(config.rankDropout(), true, config.moduleDropout(), out),
        site.isTransposed());
  }
}
