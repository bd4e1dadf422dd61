package io.github.peft4j.methods.vera;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.config.TargetedConfig;
import io.github.peft4j.tuner.injection.Bias;
import io.github.peft4j.withers.Withers;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of VeRA (Kopiczko et al. 2023, arXiv:2310.11454), with the names and defaults of Hugging
 * Face PEFT's VeraConfig.
 *
 * @param r the rank of the projections, above 0; 256
 * @param targetModules the modules that get an adapter; null for queries and values
 * @param projectionPrngKey seed of the projections; 0
 * @param saveProjection true to save the projections, false to draw them again from the seed when
 *     the adapter is loaded; true
 * @param veraDropout probability that an element of the input is dropped before A, in [0, 1); 0
 * @param dInitial initial value of the elements of d; 0.1
 * @param bias which biases of the model are also trained: {@code none}, {@code all}, or those of
 *     the adapted modules; {@code none}
 * @param modulesToSave modules that are fully trained and saved with the adapter, or null for none
 * @param initWeights whether the adapter has no effect at the start; true
 * @param layersToTransform indices of the layers that are adapted, from 0, or null for all
 * @param layersPattern name parts before a layer's index, or null for any
 * @param fanInFanOut whether PEFT finds the weights stored as (in, out), as in GPT-2's Conv1D.
 *     peft4j reads the layout from the model
 */
@Withers
public record VeraConfig(
    int r,
    @Nullable TargetModules targetModules,
    int projectionPrngKey,
    boolean saveProjection,
    double veraDropout,
    double dInitial,
    Bias bias,
    @Nullable List<String> modulesToSave,
    boolean initWeights,
    @Nullable List<Integer> layersToTransform,
    @Nullable List<String> layersPattern,
    boolean fanInFanOut)
    implements TargetedConfig<VeraConfig>, VeraConfigWithers {

  /** Checks the values. */
  public VeraConfig {
    Configs.check(VeraConfig.class)
        .rank("r", r)
        .notZero("d_initial", dInitial)
        .probability("vera_dropout", veraDropout);
  }

  /** PEFT's default for each field of {@code adapter_config.json}. */
  public static VeraConfig defaults() {
    return Configs.withDefaults(VeraConfig.class);
  }

  /** PEFT's defaults with this rank. */
  public static VeraConfig ofRank(int r) {
    return defaults().r(r);
  }
}
