package io.github.peft4j.methods.hybrid;

import io.github.peft4j.config.CompositeConfig;
import io.github.peft4j.methods.adapterhub.prefixtuning.AdapterHubPrefixConfig;
import io.github.peft4j.methods.bottleneck.BottleneckConfig;
import io.github.peft4j.methods.gatedlora.GatedLoraConfig;

/**
 * UniPELT (Mao et al. 2022, arXiv:2110.07577): prefix tuning, a bottleneck adapter and LoRA, each
 * with a gate that decides for each text how much of it is used. AdapterHub's library reads and
 * writes it as {@code unipelt}.
 *
 * <pre>{@code
 * model.adapt(UniPelt.config());
 * }</pre>
 */
public final class UniPelt {

  private UniPelt() {}

  /**
   * The paper's numbers, as AdapterHub has them: 10 vectors, an adapter of a sixteenth of the
   * model's width (48 in BERT-base), and LoRA of rank 8 on queries and values.
   */
  public static CompositeConfig config() {
    return of(
        AdapterHubPrefixConfig.ofVirtualTokens(10),
        BottleneckConfig.pfeiffer(),
        GatedLoraConfig.ofRank(8).loraAlpha(2));
  }

  /** UniPELT of these parts, which get gates if they have none. */
  public static CompositeConfig of(
      AdapterHubPrefixConfig prefix, BottleneckConfig adapter, GatedLoraConfig lora) {
    return CompositeConfig.of(prefix.useGating(true), adapter.useGating(true), lora);
  }
}
