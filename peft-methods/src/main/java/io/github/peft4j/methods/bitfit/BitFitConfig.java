package io.github.peft4j.methods.bitfit;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.config.TargetedConfig;
import io.github.peft4j.withers.Withers;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of BitFit (Ben Zaken et al. 2021, arXiv:2106.10199). Hugging Face PEFT has no such
 * method; the field names follow its style.
 *
 * @param targetModules the modules whose biases are trained. Null for all, norms included, as in
 *     the paper's main experiment. The paper's smaller variant trains those of the queries and of
 *     the first map of the feed-forward network
 * @param excludeModules modules to leave out of those, or null for none
 * @param modulesToSave modules that are fully trained and saved with the adapter, or null for none
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
}
