package io.github.peft4j.methods.shira;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.config.TargetedConfig;
import io.github.peft4j.withers.Withers;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of SHiRA, with the names and defaults of Hugging Face PEFT's ShiraConfig.
 *
 * @param r LoRA's rank for the same number of trainable elements, above 0; 32
 * @param randomSeed seed of the choice of elements, or null for a random choice
 * @param targetModules the modules that get an adapter; null for queries and values
 * @param modulesToSave modules that are fully trained and saved with the adapter, or null for none
 * @param initWeights whether the adapter has no effect at the start; true
 * @param fanInFanOut whether PEFT finds the weights stored as (in, out), as in GPT-2's Conv1D.
 *     peft4j reads the layout from the model
 */
@Withers
public record ShiraConfig(
    int r,
    @Nullable Integer randomSeed,
    @Nullable TargetModules targetModules,
    @Nullable List<String> modulesToSave,
    boolean initWeights,
    boolean fanInFanOut)
    implements TargetedConfig<ShiraConfig>, ShiraConfigWithers {

  /** Checks the values. */
  public ShiraConfig {
    Configs.check(ShiraConfig.class).rank("r", r);
  }

  /** PEFT's default for each field of {@code adapter_config.json}. */
  public static ShiraConfig defaults() {
    return Configs.withDefaults(ShiraConfig.class);
  }

  /** PEFT's defaults with this rank. */
  public static ShiraConfig ofRank(int r) {
    return defaults().r(r);
  }
}
