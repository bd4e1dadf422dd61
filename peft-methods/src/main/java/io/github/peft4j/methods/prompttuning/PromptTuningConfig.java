package io.github.peft4j.methods.prompttuning;

import io.github.peft4j.Configs;
import io.github.peft4j.PeftConfig;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of prompt tuning, with the names and defaults of Hugging Face PEFT's PromptTuningConfig.
 *
 * @param numVirtualTokens n, above 0; PEFT has no default, here it is 20
 * @param promptTuningInit how the vectors start
 * @param promptTuningInitText the text for {@link PromptTuningInit#TEXT}
 * @param tokenizerNameOrPath what PEFT is to read that text with; the model's if left open
 * @param tokenDim length of a token's vector; read off the model
 * @param numLayers depth; read off the model
 * @param numAttentionHeads heads; read off the model
 * @param numTransformerSubmodules 2 for an encoder and a decoder; read off the model
 * @param modulesToSave modules trained whole and saved with the adapter, or null
 */
public record PromptTuningConfig(
    int numVirtualTokens,
    PromptTuningInit promptTuningInit,
    @Nullable String promptTuningInitText,
    @Nullable String tokenizerNameOrPath,
    @Nullable Integer tokenDim,
    @Nullable Integer numLayers,
    @Nullable Integer numAttentionHeads,
    @Nullable Integer numTransformerSubmodules,
    @Nullable List<String> modulesToSave)
    implements PeftConfig {

  /** Checks the values. */
  public PromptTuningConfig {
    Configs.require(
        numVirtualTokens > 0,
        PromptTuningConfig.class,
        "num_virtual_tokens",
        numVirtualTokens,
        "a number above 0");
    Configs.require(
        promptTuningInit != PromptTuningInit.TEXT || promptTuningInitText != null,
        PromptTuningConfig.class,
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

  /** With these modules trained whole. */
  public PromptTuningConfig saving(String... modules) {
    return Configs.with(this, "modulesToSave", List.of(modules));
  }
}
