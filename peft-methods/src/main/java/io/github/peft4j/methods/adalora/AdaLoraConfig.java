package io.github.peft4j.methods.adalora;

import com.google.gson.annotations.SerializedName;
import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.LinearConfig;
import io.github.peft4j.methods.common.linear.ModuleTargets;
import io.github.peft4j.tuner.injection.Bias;
import io.github.peft4j.withers.Withers;
import org.jspecify.annotations.Nullable;

/**
 * Settings of AdaLoRA, with the names and defaults of Hugging Face PEFT's AdaLoraConfig.
 *
 * @param r not used, as in PEFT
 * @param initR every module's rank at the start; 12
 * @param targetR the modules' mean rank at the end; 8
 * @param tinit steps before ranks are reduced; 0
 * @param tfinal steps after ranks are reduced; 0
 * @param deltaT steps from one reduction to the next; 1
 * @param beta1 decay of the mean of the importance, in (0, 1); 0.85
 * @param beta2 decay of the mean of its uncertainty, in (0, 1); 0.85
 * @param orthRegWeight weight of the penalty that keeps A and B orthogonal; 0.5
 * @param totalStep steps of the whole training; null for what the trainer says
 * @param rankPattern which ranks are kept, or null before training
 * @param loraAlpha the scale's numerator; 8
 * @param loraDropout probability of an input element to be dropped before A, in [0, 1); 0
 * @param targets which modules
 * @param bias which biases of the model are trained besides; {@code none}
 * @param initLoraWeights whether the adapter has no effect at first
 * @param fanInFanOut what PEFT is told about transposed weights; read off the model here
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

  /** Every field as the method's {@code adapter_config.json} has it. */
  public static AdaLoraConfig defaults() {
    return Configs.withDefaults(AdaLoraConfig.class);
  }

  /** PEFT's defaults with these ranks. */
  public static AdaLoraConfig ofRanks(int init, int target) {
    // One value at a time: never a target above the start.
    return defaults().targetR(1).initR(init).targetR(target);
  }

  /** α / init_r: PEFT adds 1e-5 and keeps init_r whatever is pruned. */
  double scale() {
    return (loraAlpha > 0 ? loraAlpha : initR) / (initR + 1e-5);
  }

  /** The rank of a module: what was kept, or the first one. */
  int rankOf(String module) {
    boolean[] kept = rankPattern == null ? null : rankPattern.kept(module);
    return kept == null ? initR : RankPattern.count(kept);
  }
}
