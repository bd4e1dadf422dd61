package io.github.peft4j.methods.delora;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.methods.common.linear.LinearMethod;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.LinearSite;

/**
 * DeLoRA (Bini et al. 2025): W x + B Ξ A (n ∘ x), where Ξ makes every part of rank 1 a direction of
 * length λ/r. n has the lengths of W's columns, which are the inputs' weights.
 */
public final class Delora extends LinearMethod<DeloraConfig> {

  /** The method. */
  public Delora() {
    super("DELORA", DeloraConfig.class, Delora::layer);
  }

  private static DeloraLinear layer(LinearSite site, DeloraConfig config, Initializer initial) {
    int r = config.rankOf(site.name());
    long out = site.outFeatures();
    NDArray b = config.initWeights() ? initial.zeros(out, r) : initial.kaimingUniform(out, r);
    return new DeloraLinear(
        site,
        initial.kaimingUniform(r, site.inFeatures()),
        b,
        initial.filled(config.lambdaOf(site.name()), 1),
        config.moduleDropout());
  }
}
