package io.github.peft4j.methods.c3a;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.LinearMethod;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.LinearSite;

/**
 * C³A (Chen et al. 2024): W x + C x / in, where C consists of circulant blocks [b, b], each with b
 * trained numbers. A block's product is a circular convolution, computed by Fourier transforms.
 */
public final class C3a extends LinearMethod<C3aConfig> {

  /** The method. */
  public C3a() {
    super("C3A", C3aConfig.class, C3a::layer);
  }

  private static C3aLinear layer(LinearSite site, C3aConfig config, Initializer initial) {
    int b = config.blockSizeOf(site.name());
    long in = site.inFeatures();
    long out = site.outFeatures();
    Configs.require(
        in % b == 0 && out % b == 0,
        C3aConfig.class,
        "block_size",
        b,
        "a divisor of " + in + " and " + out + ", the sides of " + site.name());
    long[] shape = {out / b, in / b, b};
    NDArray kernels =
        switch (config.initWeights()) {
          case ZEROS -> initial.zeros(shape);
          case GAUSSIAN -> initial.normal(1, shape);
          case KAIMING_UNIFORM -> initial.uniform(1 / Math.sqrt((double) in), shape);
          case XAVIER_UNIFORM, RANDOM -> initial.uniform(Math.sqrt(6 / (double) (in + out)), shape);
        };
    return new C3aLinear(site, kernels);
  }
}
