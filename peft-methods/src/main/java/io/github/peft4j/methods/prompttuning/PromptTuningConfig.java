package io.github.peft4j.methods.prompttuning;

import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.prompt.PromptConfig;
import io.github.peft4j.methods.common.prompt.VirtualTokens;
import io.github.peft4j.withers.Withers;
import org.jspecify.annotations.Nullable;

/**
 * Settings of prompt tuning, with the names and defaults of Hugging Face PEFT's PromptTuningConfig.
 *
 * @param tokens how many virtual tokens, and of what model
 * @param promptTuningInit how the vectors start
 * @param promptTuningInitText the text for {@link PromptTuningInit#TEXT}
 * @param tokenizerNameOrPath what PEFT is to read that text with; the model's if left open
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

  /** Every field as the method's {@code adapter_config.json} has it. */
  public static PromptTuningConfig defaults() {
    return Configs.withDefaults(PromptTuningConfig.class);
  }

  /** PEFT's defaults with this many virtual tokens. */
  public static PromptTuningConfig ofVirtualTokens(int n) {
    return defaults().numVirtualTokens(n);
  }
}
