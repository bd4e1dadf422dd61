package io.github.peft4j.methods.boft;

import io.github.peft4j.methods.common.linear.LinearMethod;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.LinearSite;

/**
 * BOFT (Liu et al. 2023): diag(s) W R x, where the rotation R is a product of butterfly layers:
 * block rotations between permutations.
 */
public final class Boft extends LinearMethod<BoftConfig> {

  /** The method. */
  public Boft() {
    super("BOFT", BoftConfig.class, Boft::layer);
  }

  private static BoftLinear layer(LinearSite site, BoftConfig config, Initializer initial) {
    long in = site.inFeatures();
    long out = site.outFeatures();
    int k = config.blockSize(site.name(), in);
    boolean plain = config.initWeights();
    long[] shape = {config.boftNButterflyFactor(), in / k, k, k};
    return new BoftLinear(
        site,
        plain ? initial.zeros(shape) : initial.normal(0.1, shape),
        plain ? initial.filled(1, out, 1) : initial.normalAround(1, 0.1, out, 1),
        config.boftDropout());
  }
}
