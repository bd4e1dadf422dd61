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
 * @param r as many elements are trained as LoRA of this rank has; above 0; 32
 * @param randomSeed seed of the choice of elements, or null for any
 * @param targetModules which modules; null for queries and values
 * @param modulesToSave modules trained whole and saved with the adapter, or null
 * @param initWeights whether the adapter has no effect at first
 * @param fanInFanOut what PEFT is told about transposed weights; read off the model here
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

  /** Every field as the method's {@code adapter_config.json} has it. */
  public static ShiraConfig defaults() {
    return Configs.withDefaults(ShiraConfig.class);
  }

  /** PEFT's defaults with this rank. */
  public static ShiraConfig ofRank(int r) {
    return defaults().r(r);
  }
}
