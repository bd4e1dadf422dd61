package io.github.peft4j.methods.bitfit;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.config.TargetedConfig;
import io.github.peft4j.withers.Withers;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of BitFit. Hugging Face PEFT has no such method; the fields are named in its style.
 *
 * @param targetModules modules whose biases are trained; null for all, norms included, as in the
 *     paper's main experiment; its smaller variant takes queries and the feed-forward network's
 *     first map
 * @param excludeModules which of those not, or null
 * @param modulesToSave modules trained whole and saved with the adapter, or null
 */
@Withers
public record BitFitConfig(
    @Nullable TargetModules targetModules,
    @Nullable TargetModules excludeModules,
    @Nullable List<String> modulesToSave)
    implements TargetedConfig<BitFitConfig>, BitFitConfigWithers {

  /** The paper's main experiment: all biases. */
  public static BitFitConfig defaults() {
    return Configs.withDefaults(BitFitConfig.class);
  }

  /** Whether a module's bias is trained. */
  boolean trains(String module) {
    return (targetModules == null || targetModules.matches(module))
        && (excludeModules == null || !excludeModules.matches(module));
  }
}
