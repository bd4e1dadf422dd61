package io.github.peft4j.methods.prompttuning;

import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.prompt.PromptConfig;
import io.github.peft4j.methods.common.prompt.VirtualTokens;
import io.github.peft4j.withers.Withers;
import org.jspecify.annotations.Nullable;

/**
 * Settings of prompt tuning (Lester et al. 2021, arXiv:2104.08691), with the names and defaults of
 * Hugging Face PEFT's PromptTuningConfig.
 *
 * @param tokens the number of virtual tokens, and the shape of the model they are for
 * @param promptTuningInit how the vectors are initialised; {@code RANDOM}
 * @param promptTuningInitText the text for {@link PromptTuningInit#TEXT}, or null
 * @param tokenizerNameOrPath the tokenizer that PEFT reads that text with; null for the model's
 */
@Withers
public record PromptTuningConfig(
    VirtualTokens tokens,
    PromptTuningInit promptTuningInit,
    @Nullable String promptTuningInitText,
    @Nullable String tokenizerNameOrPath)
    implements PromptConfig<PromptTuningConfig>, PromptTuningConfigWithers {

  /** Checks the values. */
  public PromptTuningConfig {
    Configs.check(PromptTuningConfig.class)
        .positive("num_virtual_tokens", tokens.numVirtualTokens())
        .that(
            promptTuningInit != PromptTuningInit.TEXT || promptTuningInitText != null,
            "prompt_tuning_init_text",
            promptTuningInitText,
            "a text, since prompt_tuning_init is TEXT");
  }

  /** PEFT's default for each field of {@code adapter_config.json}. */
  public static PromptTuningConfig defaults() {
    return Configs.withDefaults(PromptTuningConfig.class);
  }

  /** PEFT's defaults with this many virtual tokens. */
  public static PromptTuningConfig ofVirtualTokens(int n) {
    return defaults().numVirtualTokens(n);
  }
}
