package io.github.peft4j.methods.prompttuning;

import io.github.peft4j.Configs;
import io.github.peft4j.methods.common.prompt.PromptConfig;
import io.github.peft4j.methods.common.prompt.VirtualTokens;
import org.jspecify.annotations.Nullable;

/**
 * Settings of prompt tuning, with the names and defaults of Hugging Face PEFT's PromptTuningConfig.
 *
 * @param tokens how many virtual tokens, and of what model
 * @param promptTuningInit how the vectors start
 * @param promptTuningInitText the text for {@link PromptTuningInit#TEXT}
 * @param tokenizerNameOrPath what PEFT is to read that text with; the model's if left open
 */
public record PromptTuningConfig(
    VirtualTokens tokens,
    PromptTuningInit promptTuningInit,
    @Nullable String promptTuningInitText,
    @Nullable String tokenizerNameOrPath)
    implements PromptConfig<PromptTuningConfig> {

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

  /** PEFT's defaults with this many virtual tokens. */
  public static PromptTuningConfig ofTokens(int n) {
    return Configs.with(Configs.withDefaults(PromptTuningConfig.class), "numVirtualTokens", n);
  }

  /** Starting from the vectors of a text's tokens. */
  public PromptTuningConfig startingFrom(String text) {
    return Configs.with(
        Configs.with(this, "promptTuningInitText", text),
        "promptTuningInit",
        PromptTuningInit.TEXT);
  }

  /** Starting from the vectors of tokens drawn from the vocabulary. */
  public PromptTuningConfig startingFromVocabulary() {
    return Configs.with(this, "promptTuningInit", PromptTuningInit.SAMPLE_VOCAB);
  }
}
