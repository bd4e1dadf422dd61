package io.github.peft4j.methods.lntuning;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.config.TargetedConfig;
import io.github.peft4j.withers.Withers;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of LN tuning, with the names and defaults of Hugging Face PEFT's LNTuningConfig.
 *
 * @param targetModules the norms to train; null for all
 * @param excludeModules norms to leave out of those, or null for none
 * @param modulesToSave modules that are fully trained and saved with the adapter, or null for none
 */
@Withers
public record LnTuningConfig(
    @Nullable TargetModules targetModules,
    @Nullable TargetModules excludeModules,
    @Nullable List<String> modulesToSave)
    implements TargetedConfig<LnTuningConfig>, LnTuningConfigWithers {

  /** PEFT's defaults. */
  public static LnTuningConfig defaults() {
    return Configs.withDefaults(LnTuningConfig.class);
  }
}
