package io.github.peft4j.methods.prefixtuning;

import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.prompt.PromptConfig;
import io.github.peft4j.methods.common.prompt.VirtualTokens;
import io.github.peft4j.withers.Withers;
import org.jspecify.annotations.Nullable;

/**
 * Settings of prefix tuning, with the names and defaults of Hugging Face PEFT's PrefixTuningConfig.
 *
 * @param tokens how many virtual tokens, and of what model
 * @param prefixProjection whether keys and values are computed by an MLP, which is trained
 * @param encoderHiddenSize its inner width; that of a layer's keys if left open
 * @param initWeights {@code "zero"} for a prefix of zeros at the start, or null for a random one
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

  /** Every field as the method's {@code adapter_config.json} has it. */
  public static PrefixTuningConfig defaults() {
    return Configs.withDefaults(PrefixTuningConfig.class);
  }

  /** PEFT's defaults with this many virtual tokens. */
  public static PrefixTuningConfig ofVirtualTokens(int n) {
    return defaults().numVirtualTokens(n);
  }
}
