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
 * @param targetModules which norms; null for all
 * @param excludeModules which of those not, or null
 * @param modulesToSave modules trained whole and saved with the adapter, or null
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
