package io.github.peft4j.methods.said;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.config.TargetedConfig;
import io.github.peft4j.withers.Withers;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of training in an intrinsic dimension (Aghajanyan et al. 2020, arXiv:2012.13255).
 * Hugging Face PEFT has no such method.
 *
 * @param intrinsicDimension d, the number of trained numbers, layer scales included; above 0, and
 *     above the number of adapted tensors if there are layer scales; 1000
 * @param said whether each tensor has a trained scale λ: SAID. Otherwise the paper's DID; true
 * @param projectionSeed seed of the random projections, which are not saved; 0
 * @param targetModules the modules whose tensors move: name suffixes, a regular expression over
 *     whole names, or {@code all-linear}; null for all tensors of the model
 * @param modulesToSave modules that are fully trained and saved with the adapter, or null for none
 */
@Withers
public record SaidConfig(
    int intrinsicDimension,
    boolean said,
    int projectionSeed,
    @Nullable TargetModules targetModules,
    @Nullable List<String> modulesToSave)
    implements TargetedConfig<SaidConfig>, SaidConfigWithers {

  /** Checks the values. */
  public SaidConfig {
    Configs.check(SaidConfig.class).positive("intrinsic_dimension", intrinsicDimension);
  }

  /** The default for each field of {@code adapter_config.json}. */
  public static SaidConfig defaults() {
    return Configs.withDefaults(SaidConfig.class);
  }

  /** The defaults with this number of trained numbers. */
  public static SaidConfig ofDimension(int d) {
    return defaults().intrinsicDimension(d);
  }
}
