package io.github.peft4j.methods.prelayer;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.withers.Withers;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of prefix-layer tuning, PreLayer, as the paper of LoRA describes it (Hu et al. 2021,
 * arXiv:2106.09685, section 5.1). Hugging Face PEFT has no such method.
 *
 * @param numVirtualTokens l_p, the number of virtual tokens before a text, above 0; 20
 * @param initializerRange deviation of the states at the start, 0 or more; 0.02
 * @param modulesToSave modules that are trained whole, or null for none
 */
@Withers
public record PreLayerConfig(
    int numVirtualTokens, double initializerRange, @Nullable List<String> modulesToSave)
    implements PeftConfig, PreLayerConfigWithers {

  /** Checks the values. */
  public PreLayerConfig {
    Configs.check(PreLayerConfig.class)
        .positive("num_virtual_tokens", numVirtualTokens)
        .notNegative("initializer_range", initializerRange);
  }

  /** The defaults with this many virtual tokens. */
  public static PreLayerConfig ofVirtualTokens(int n) {
    return Configs.withDefaults(PreLayerConfig.class).numVirtualTokens(n);
  }
}
