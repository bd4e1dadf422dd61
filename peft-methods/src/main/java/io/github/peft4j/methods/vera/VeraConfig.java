package io.github.peft4j.methods.vera;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.config.TargetedConfig;
import io.github.peft4j.tuner.injection.Bias;
import io.github.peft4j.withers.Withers;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of VeRA, with the names and defaults of Hugging Face PEFT's VeraConfig.
 *
 * @param r the rank of the projections, above 0; 256
 * @param targetModules which modules; null for queries and values
 * @param projectionPrngKey seed of the projections; 0
 * @param saveProjection whether the projections are saved; else they are drawn anew from the seed
 * @param veraDropout probability of an input element to be dropped before A, in [0, 1); 0
 * @param dInitial what the elements of d start with; 0.1
 * @param bias which biases of the model are trained besides; {@code none}
 * @param modulesToSave modules trained whole and saved with the adapter, or null
 * @param initWeights whether the adapter has no effect at first
 * @param layersToTransform indices of the layers that are meant, or null for all
 * @param layersPattern name parts before a layer's index, or null for any
 * @param fanInFanOut what PEFT is told about transposed weights; read off the model here
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
        .finite("d_initial", dInitial)
        .probability("vera_dropout", veraDropout);
  }

  /** Every field as the method's {@code adapter_config.json} has it. */
  public static VeraConfig defaults() {
    return Configs.withDefaults(VeraConfig.class);
  }

  /** PEFT's defaults with this rank. */
  public static VeraConfig ofRank(int r) {
    return defaults().r(r);
  }
}
