package io.github.peft4j.methods.adalora;

import com.google.gson.annotations.SerializedName;
import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.LinearConfig;
import io.github.peft4j.methods.common.linear.ModuleTargets;
import io.github.peft4j.tuner.injection.Bias;
import io.github.peft4j.withers.Withers;
import org.jspecify.annotations.Nullable;

/**
 * Settings of AdaLoRA (Zhang et al. 2023, arXiv:2303.10512), with the names and defaults of Hugging
 * Face PEFT's AdaLoraConfig.
 *
 * @param r not used, as in PEFT
 * @param initR the rank of each module at the start; 12
 * @param targetR the mean rank of the modules at the end, from 1 to initR; 8
 * @param tinit number of steps before the ranks are reduced; 0
 * @param tfinal number of steps at the end of the training in which the ranks stay as they are; 0
 * @param deltaT number of steps between two reductions; 1
 * @param beta1 decay of the moving average of the importance, in (0, 1); 0.85
 * @param beta2 decay of the moving average of its uncertainty, in (0, 1); 0.85
 * @param orthRegWeight weight of the penalty that keeps A and B orthogonal; 0.5
 * @param totalStep number of steps of the whole training; null to take it from the trainer
 * @param rankPattern which ranks are kept, by module, or null before training
 * @param loraAlpha α, the numerator of the scale; 8
 * @param loraDropout probability that an element of the input is dropped before A, in [0, 1); 0
 * @param targets the modules that get an adapter
 * @param bias which biases of the model are also trained: {@code none}, {@code all}, or those of
 *     the adapted modules; {@code none}
 * @param initLoraWeights whether the adapter has no effect at the start; true
 * @param fanInFanOut whether PEFT finds the weights stored as (in, out), as in GPT-2's Conv1D.
 *     peft4j reads the layout from the model
 */
@Withers
public record AdaLoraConfig(
    int r,
    int initR,
    int targetR,
    int tinit,
    int tfinal,
    @SerializedName("deltaT") int deltaT,
    double beta1,
    double beta2,
    double orthRegWeight,
    @Nullable Integer totalStep,
    @Nullable RankPattern rankPattern,
    double loraAlpha,
    double loraDropout,
    ModuleTargets targets,
    Bias bias,
    boolean initLoraWeights,
    boolean fanInFanOut)
    implements LinearConfig<AdaLoraConfig>, AdaLoraConfigWithers {

  /** Checks the values. */
  public AdaLoraConfig {
    Configs.check(AdaLoraConfig.class)
        .rank("init_r", initR)
        .that(targetR > 0 && targetR <= initR, "target_r", targetR, "1 to init_r " + initR)
        .notNegative("tinit", tinit)
        .notNegative("tfinal", tfinal)
        .positive("deltaT", deltaT)
        .that(beta1 > 0 && beta1 < 1, "beta1", beta1, "a value in (0, 1)")
        .that(beta2 > 0 && beta2 < 1, "beta2", beta2, "a value in (0, 1)")
        .notNegative("orth_reg_weight", orthRegWeight)
        .that(
            totalStep == null || tinit < totalStep - tfinal,
            "total_step",
            totalStep,
            "more than tinit " + tinit + " + tfinal " + tfinal)
        .finite("lora_alpha", loraAlpha)
        .finite("beta1", beta1)
        .finite("beta2", beta2)
        .probability("lora_dropout", loraDropout);
  }

  /** PEFT's default for each field of {@code adapter_config.json}. */
  public static AdaLoraConfig defaults() {
    return Configs.withDefaults(AdaLoraConfig.class);
  }

  /** PEFT's defaults with these ranks. */
  public static AdaLoraConfig ofRanks(int init, int target) {
    // Set one at a time, in an order that never has a target above the start.
    return defaults().targetR(1).initR(init).targetR(target);
  }

  /** The scale α / init_r. As in PEFT, 1e-5 is added, and init_r stays when ranks are pruned. */
  double scale() {
    return (loraAlpha > 0 ? loraAlpha : initR) / (initR + 1e-5);
  }

  /** The rank of a module: the number of kept ranks, or init_r before any were pruned. */
  int rankOf(String module) {
    boolean[] kept = rankPattern == null ? null : rankPattern.kept(module);
    return kept == null ? initR : RankPattern.count(kept);
  }
}
