package io.github.peft4j.methods.adaptionprompt;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.withers.Withers;
import org.jspecify.annotations.Nullable;

/**
 * Settings of LLaMA-Adapter, with the names of Hugging Face PEFT's AdaptionPromptConfig. PEFT has
 * no defaults; these are the paper's for Llama 7B.
 *
 * @param targetModules how the attention modules are called, {@code self_attn}; read off the model
 * @param adapterLen n, prompts in each layer, above 0; 10
 * @param adapterLayers how many layers from the top have them, above 0; 30
 */
@Withers
public record AdaptionPromptConfig(
    @Nullable String targetModules, int adapterLen, int adapterLayers)
    implements PeftConfig, AdaptionPromptConfigWithers {

  /** Checks the values. */
  public AdaptionPromptConfig {
    Configs.check(AdaptionPromptConfig.class)
        .positive("adapter_len", adapterLen)
        .positive("adapter_layers", adapterLayers);
  }

  /** Every field as the method's {@code adapter_config.json} has it. */
  public static AdaptionPromptConfig defaults() {
    return Configs.withDefaults(AdaptionPromptConfig.class);
  }

  /** This many prompts in each of this many layers from the top. */
  public static AdaptionPromptConfig of(int length, int layers) {
    return new AdaptionPromptConfig(null, length, layers);
  }
}
