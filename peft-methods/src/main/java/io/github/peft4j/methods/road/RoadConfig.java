package io.github.peft4j.methods.road;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.config.TargetedConfig;
import io.github.peft4j.withers.Withers;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of RoAd (Liao and Monz 2024, arXiv:2409.00119), with the names and defaults of Hugging
 * Face PEFT's RoadConfig.
 *
 * @param variant how many angles and scales there are; ROAD_1
 * @param groupSize number of neighbouring outputs of which the first half is paired with the second
 *     half; even, and a divisor of the outputs of each module; 64
 * @param initWeights whether the adapter has no effect at the start; true
 * @param targetModules the modules that get an adapter; null for queries and values
 * @param modulesToSave modules that are fully trained and saved with the adapter, or null for none
 */
@Withers
public record RoadConfig(
    RoadVariant variant,
    int groupSize,
    boolean initWeights,
    @Nullable TargetModules targetModules,
    @Nullable List<String> modulesToSave)
    implements TargetedConfig<RoadConfig>, RoadConfigWithers {

  /** Checks the values. */
  public RoadConfig {
    Configs.check(RoadConfig.class)
        .that(
            groupSize > 0 && groupSize % 2 == 0, "group_size", groupSize, "an even number above 0");
  }

  /** PEFT's default for each field of {@code adapter_config.json}. */
  public static RoadConfig defaults() {
    return Configs.withDefaults(RoadConfig.class);
  }

  /** PEFT's defaults with this variant. */
  public static RoadConfig of(RoadVariant variant) {
    return defaults().variant(variant);
  }
}
