package io.github.peft4j.methods.prefixtuning;

import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.prompt.PromptConfig;
import io.github.peft4j.methods.common.prompt.VirtualTokens;
import io.github.peft4j.withers.Withers;
import org.jspecify.annotations.Nullable;

/**
 * Settings of prefix tuning (Li and Liang 2021, arXiv:2101.00190), with the names and defaults of
 * Hugging Face PEFT's PrefixTuningConfig.
 *
 * @param tokens the number of virtual tokens, and the shape of the model they are for
 * @param prefixProjection whether a trainable MLP computes the keys and values; false
 * @param encoderHiddenSize hidden width of the MLP; null for the width of a layer's keys
 * @param initWeights {@code "zero"} for a prefix that starts at zero, null for a random one
 */
@Withers
public record PrefixTuningConfig(
    VirtualTokens tokens,
    boolean prefixProjection,
    @Nullable Integer encoderHiddenSize,
    @Nullable String initWeights)
    implements PromptConfig<PrefixTuningConfig>, PrefixTuningConfigWithers {

  /** Checks the values. */
  public PrefixTuningConfig {
    Configs.check(PrefixTuningConfig.class)
        .positive("num_virtual_tokens", tokens.numVirtualTokens())
        .positive("encoder_hidden_size", encoderHiddenSize)
        .that(
            initWeights == null || initWeights.equals("zero"),
            "init_weights",
            initWeights,
            "\"zero\" or nothing");
  }

  /** PEFT's default for each field of {@code adapter_config.json}. */
  public static PrefixTuningConfig defaults() {
    return Configs.withDefaults(PrefixTuningConfig.class);
  }

  /** PEFT's defaults with this many virtual tokens. */
  public static PrefixTuningConfig ofVirtualTokens(int n) {
    return defaults().numVirtualTokens(n);
  }
}
