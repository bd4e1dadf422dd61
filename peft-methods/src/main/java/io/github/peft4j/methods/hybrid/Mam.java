package io.github.peft4j.methods.hybrid;

import io.github.peft4j.config.CompositeConfig;
import io.github.peft4j.methods.adapterhub.prefixtuning.AdapterHubPrefixConfig;
import io.github.peft4j.methods.bottleneck.BottleneckConfig;

/**
 * The MAM adapter, mix-and-match (He et al. 2022, arXiv:2110.04366): prefix tuning in the
 * attention, and a scaled adapter parallel to the feed-forward network. AdapterHub's library reads
 * and writes it as {@code mam}.
 *
 * <pre>{@code
 * model.adapt(Mam.config());
 * }</pre>
 */
public final class Mam {

  private Mam() {}

  /**
   * AdapterHub's defaults: 30 vectors out of a network of width 800, and an adapter of half the
   * model's width, scaled by 4. That is the paper's 512 for a width of 1,024.
   */
  public static CompositeConfig config() {
    return of(
        AdapterHubPrefixConfig.ofVirtualTokens(30).bottleneckSize(800),
        BottleneckConfig.parallel());
  }

  /**
   * The paper's numbers for a model of any width: 30 vectors, an adapter of width 512, scaled by 4.
   *
   * @param hiddenSize the model's width, above 0
   */
  public static CompositeConfig ofHiddenSize(int hiddenSize) {
    return of(
        AdapterHubPrefixConfig.ofVirtualTokens(30).bottleneckSize(800),
        BottleneckConfig.parallel().reductionFactor(hiddenSize / 512.0));
  }

  /** A MAM adapter of these parts. */
  public static CompositeConfig of(AdapterHubPrefixConfig prefix, BottleneckConfig adapter) {
    return CompositeConfig.of(prefix, adapter);
  }
}
