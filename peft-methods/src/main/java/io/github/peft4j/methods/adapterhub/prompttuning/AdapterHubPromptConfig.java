package io.github.peft4j.methods.adapterhub.prompttuning;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.withers.Withers;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of AdapterHub's prompt tuning, with the names and defaults of its PromptTuningConfig
 * ({@code adapters} 1.3.0, configuration/adapter_config.py).
 *
 * @param promptLength number n of virtual tokens, above 0; 10
 * @param promptInit how the prompt is initialised
 * @param promptInitText the text that the prompt is initialised from, or null
 * @param initWeightsSeed the seed that AdapterHub initialised the adapter with, or null. It is kept
 *     in the file but not used
 * @param modulesToSave modules that are fully trained and saved with the adapter, or null for none
 */
@Withers
public record AdapterHubPromptConfig(
    int promptLength,
    AdapterHubPromptInit promptInit,
    @Nullable String promptInitText,
    @Nullable Integer initWeightsSeed,
    @Nullable List<String> modulesToSave)
    implements PeftConfig, AdapterHubPromptConfigWithers {

  /** Checks the values. */
  public AdapterHubPromptConfig {
    Configs.check(AdapterHubPromptConfig.class)
        .positive("prompt_length", promptLength)
        .that(
            promptInit != AdapterHubPromptInit.FROM_STRING || promptInitText != null,
            "prompt_init_text",
            promptInitText,
            "a text, since prompt_init is from_string");
  }

  /** The default of each field of {@code adapter_config.json}. */
  public static AdapterHubPromptConfig defaults() {
    return Configs.withDefaults(AdapterHubPromptConfig.class);
  }

  /** AdapterHub's defaults with this many virtual tokens. */
  public static AdapterHubPromptConfig ofVirtualTokens(int n) {
    return defaults().promptLength(n);
  }
}
