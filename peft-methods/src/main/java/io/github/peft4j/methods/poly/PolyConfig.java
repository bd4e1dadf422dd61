package io.github.peft4j.methods.poly;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.config.TargetedConfig;
import io.github.peft4j.withers.Withers;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of Poly (Ponti et al. 2022, arXiv:2202.13914) and of multi-head routing (Caccia et al.
 * 2022, arXiv:2211.03831), with the names and defaults of Hugging Face PEFT's PolyConfig.
 *
 * @param r the rank of a skill, above 0; 8
 * @param nTasks number of tasks, above 0; 1
 * @param nSkills number of skills, which are LoRAs, above 0; 4
 * @param nSplits number of parts of inputs and outputs that are mixed apart; above 0, and a divisor
 *     of the inputs and outputs of each module; 1. More is multi-head routing
 * @param initWeights whether the adapter has no effect at the start; true
 * @param targetModules the modules that get an adapter; null for queries and values
 * @param excludeModules modules that get none, or null
 * @param modulesToSave modules that are fully trained and saved with the adapter, or null for none
 */
@Withers
public record PolyConfig(
    int r,
    int nTasks,
    int nSkills,
    int nSplits,
    boolean initWeights,
    @Nullable TargetModules targetModules,
    @Nullable TargetModules excludeModules,
    @Nullable List<String> modulesToSave)
    implements TargetedConfig<PolyConfig>, PolyConfigWithers {

  /** Checks the values. */
  public PolyConfig {
    Configs.check(PolyConfig.class)
        .rank("r", r)
        .positive("n_tasks", nTasks)
        .positive("n_skills", nSkills)
        .positive("n_splits", nSplits);
  }

  /** PEFT's default for each field of {@code adapter_config.json}. */
  public static PolyConfig defaults() {
    return Configs.withDefaults(PolyConfig.class);
  }

  /** PEFT's defaults for this many tasks. */
  public static PolyConfig ofTasks(int n) {
    return defaults().nTasks(n);
  }
}
