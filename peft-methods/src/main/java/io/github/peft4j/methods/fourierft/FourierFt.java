package io.github.peft4j.methods.fourierft;

import io.github.peft4j.config.Configs;
import io.github.peft4j.kernel.TorchRandom;
import io.github.peft4j.methods.common.linear.LinearMethod;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.LinearSite;
import java.util.Arrays;

/**
 * FourierFT (Gao et al. 2024): W x + s Re(F⁻¹(S)) x, where the spectrum S is zero except at some
 * positions, which are chosen at random once.
 */
public final class FourierFt extends LinearMethod<FourierFtConfig> {

  /** The method. */
  public FourierFt() {
    super("FOURIERFT", FourierFtConfig.class, FourierFt::layer);
  }

  private static FourierFtLinear layer(
      LinearSite site, FourierFtConfig config, Initializer initial) {
    long elements = site.inFeatures() * site.outFeatures();
    int n = config.frequenciesOf(site.name());
    Configs.require(
        n <= elements,
        FourierFtConfig.class,
        "n_frequency",
        n,
        "at most " + elements + ", the elements of " + site.name());
    long[] order;
    try (TorchRandom random = new TorchRandom(config.randomLocSeed())) {
      order = random.permutation(elements);
    }
    return new FourierFtLinear(
        site,
        config.initWeights() ? initial.zeros(n) : initial.normal(1, n),
        Arrays.copyOf(order, n),
        config.scaling());
  }
}
