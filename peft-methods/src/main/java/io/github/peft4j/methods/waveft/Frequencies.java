package io.github.peft4j.methods.waveft;

import io.github.peft4j.config.Configs;
import io.github.peft4j.tuner.site.LinearSite;
import java.util.List;

/** How many coefficients each module of an adapter has. */
record Frequencies(WaveFtConfig config, int modules, long elements) {

  /** The numbers for these modules. */
  static Frequencies of(WaveFtConfig config, List<LinearSite> modules) {
    return new Frequencies(
        config, modules.size(), modules.stream().mapToLong(Frequencies::elements).sum());
  }

  private static long elements(LinearSite site) {
    return site.inFeatures() * site.outFeatures();
  }

  /**
   * The number of a module's coefficients.
   *
   * @throws IllegalArgumentException if the module has fewer elements
   */
  int of(LinearSite site) {
    int n =
        config.proportionalParameters()
            ? proportional(site)
            : Configs.ofModule(config.nFrequencyPattern(), site.name(), config.nFrequency());
    Configs.require(
        n <= elements(site),
        WaveFtConfig.class,
        "n_frequency",
        n,
        "at most " + elements(site) + ", the elements of " + site.name());
    return n;
  }

  /** The module's share of all coefficients, at least one, rounded as in Python. */
  private int proportional(LinearSite site) {
    double share = elements(site) / (double) elements;
    return (int) Math.max(1, Math.rint(share * ((double) config.nFrequency() * modules)));
  }
}
