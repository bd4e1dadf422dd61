package io.github.peft4j.methods.randlora;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.config.TargetedConfig;
import io.github.peft4j.tuner.injection.Bias;
import io.github.peft4j.withers.Withers;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of RandLoRA (Albert et al. 2025, arXiv:2502.00987), with the names and defaults of
 * Hugging Face PEFT's RandLoraConfig.
 *
 * @param r the rank of one random basis, above 0. A smaller one means more bases, and more trained
 *     parameters; 32
 * @param targetModules the modules that get an adapter; null for queries and values
 * @param projectionPrngKey seed of the random bases; 0
 * @param saveProjection true to save the bases, once for each module as PEFT does; false to draw
 *     them again from the seed when the adapter is loaded; true
 * @param sparse whether the bases hold -1, 0 and 1 with probabilities 1/6, 2/3 and 1/6; false
 * @param verySparse whether they hold -1 and 1 with probability 1/(2 √D) each, and 0 otherwise,
 *     where D is the shorter side of the bases; it goes before {@code sparse}; false
 * @param randloraDropout probability that an element of the input is dropped, in [0, 1); 0
 * @param randloraAlpha the numerator of the scale α / r; 640
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
public record RandLoraConfig(
    int r,
    @Nullable TargetModules targetModules,
    int projectionPrngKey,
    boolean saveProjection,
    boolean sparse,
    boolean verySparse,
    double randloraDropout,
    double randloraAlpha,
    Bias bias,
    @Nullable List<String> modulesToSave,
    boolean initWeights,
    @Nullable List<Integer> layersToTransform,
    @Nullable List<String> layersPattern,
    boolean fanInFanOut)
    implements TargetedConfig<RandLoraConfig>, RandLoraConfigWithers {

  /** Checks the values. */
  public RandLoraConfig {
    Configs.check(RandLoraConfig.class)
        .rank("r", r)
        .notZero("randlora_alpha", randloraAlpha)
        .probability("randlora_dropout", randloraDropout);
  }

  /** PEFT's default for each field of {@code adapter_config.json}. */
  public static RandLoraConfig defaults() {
    return Configs.withDefaults(RandLoraConfig.class);
  }

  /** PEFT's defaults with this rank, and 20 times as much for α. */
  public static RandLoraConfig ofRank(int r) {
    return defaults().r(r).randloraAlpha(20.0 * r);
  }

  /** The scale α / r. */
  double scale() {
    return randloraAlpha / r;
  }

  /** The number of bases that add up to full rank for a shorter side. */
  long bases(long shorter) {
    return (shorter + r - 1) / r;
  }
}
