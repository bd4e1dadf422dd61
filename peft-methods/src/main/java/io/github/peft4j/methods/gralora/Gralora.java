package io.github.peft4j.methods.gralora;

import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.LinearMethod;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.LinearSite;

/**
 * GraLoRA (Jung et al. 2025): W x + s Δ x, where each of the k k blocks of Δ is a product of rank r
 * / k. Optionally a plain LoRA of rank hybrid_r is added.
 */
public final class Gralora extends LinearMethod<GraloraConfig> {

  /** The method. */
  public Gralora() {
    super("GRALORA", GraloraConfig.class, Gralora::layer);
  }

  private static GraloraLinear layer(LinearSite site, GraloraConfig config, Initializer initial) {
    int k = config.graloraK();
    long in = site.inFeatures();
    long out = site.outFeatures();
    Configs.require(
        in % k == 0 && out % k == 0,
        GraloraConfig.class,
        "gralora_k",
        k,
        "a divisor of " + in + " and " + out + ", the sides of " + site.name());
    return new GraloraLinear(site, config, initial);
  }
}
