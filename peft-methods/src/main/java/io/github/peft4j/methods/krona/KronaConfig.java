package io.github.peft4j.methods.krona;

import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.LinearConfig;
import io.github.peft4j.methods.common.linear.ModuleTargets;
import io.github.peft4j.tuner.injection.Bias;
import io.github.peft4j.withers.Withers;

/**
 * Settings of KronA (Edalati et al. 2022, arXiv:2212.10650). Hugging Face PEFT has no KronA.
 *
 * @param aOut rows of A, above 0; divides the number of outputs; 32
 * @param aIn columns of A, above 0; divides the number of inputs; 32
 * @param scaling the scale s; 1
 * @param placement beside weights, or beside feed-forward networks; {@code weights}
 * @param residualScale the multiple of the input at the start, for {@code feed_forward_residual}; 0
 * @param targets the modules that get an adapter. Feed-forward networks are not named: all have
 *     one, or those of {@code layers_to_transform}
 * @param bias which biases of the model are also trained, for {@code weights}: {@code none}, {@code
 *     all}, or those of the adapted modules; {@code none}
 */
@Withers
public record KronaConfig(
    int aOut,
    int aIn,
    double scaling,
    KronaPlacement placement,
    double residualScale,
    ModuleTargets targets,
    Bias bias)
    implements LinearConfig<KronaConfig>, KronaConfigWithers {

  /** Checks the values. */
  public KronaConfig {
    boolean weights = placement == KronaPlacement.WEIGHTS;
    Configs.check(KronaConfig.class)
        .positive("a_out", aOut)
        .positive("a_in", aIn)
        .finite("scaling", scaling)
        .finite("residual_scale", residualScale)
        .that(
            residualScale == 0 || placement == KronaPlacement.FEED_FORWARD_RESIDUAL,
            "residual_scale",
            residualScale,
            "0, unless placement is feed_forward_residual")
        .that(
            weights || targets.targetModules() == null,
            "target_modules",
            targets.targetModules(),
            "no names of modules beside feed-forward networks; choose by layers_to_transform")
        .that(
            weights || targets.excludeModules() == null,
            "exclude_modules",
            targets.excludeModules(),
            "no names of modules beside feed-forward networks; choose by layers_to_transform")
        .that(
            weights || targets.layersPattern() == null,
            "layers_pattern",
            targets.layersPattern(),
            "nothing beside feed-forward networks")
        .that(weights || bias.equals(Bias.NONE), "bias", bias, "none beside feed-forward networks");
  }

  /** The default for each field of {@code adapter_config.json}. */
  public static KronaConfig defaults() {
    return Configs.withDefaults(KronaConfig.class);
  }

  /** The defaults with a first factor of this size. */
  public static KronaConfig ofFactor(int aOut, int aIn) {
    return defaults().aOut(aOut).aIn(aIn);
  }
}
