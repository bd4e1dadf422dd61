package io.github.peft4j.methods.adaptionprompt;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.withers.Withers;
import org.jspecify.annotations.Nullable;

/**
 * Settings of LLaMA-Adapter (Zhang et al. 2023, arXiv:2303.16199), with the names of Hugging Face
 * PEFT's AdaptionPromptConfig. PEFT has no defaults; these are the paper's for Llama 7B.
 *
 * @param targetModules name of the attention modules, {@code self_attn}; read from the model
 * @param adapterLen number n of prompt vectors in each layer, above 0; 10
 * @param adapterLayers number of layers with a prompt, counted from the top, above 0; 30
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

  /** The default of each field of {@code adapter_config.json}. */
  public static AdaptionPromptConfig defaults() {
    return Configs.withDefaults(AdaptionPromptConfig.class);
  }

  /** This many prompts in each of this many layers from the top. */
  public static AdaptionPromptConfig of(int length, int layers) {
    return new AdaptionPromptConfig(null, length, layers);
  }
}
