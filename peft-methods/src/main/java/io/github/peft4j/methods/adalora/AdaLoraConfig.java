package io.github.peft4j.methods.adalora;

import io.github.peft4j.Configs;
import io.github.peft4j.methods.common.linear.LinearConfig;
import io.github.peft4j.methods.common.linear.Targets;
import io.github.peft4j.tuner.Bias;
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
public record AdaLoraConfig(
    int r,
    int initR,
    int targetR,
    int tinit,
    int tfinal,
    int deltaT,
    double beta1,
    double beta2,
    double orthRegWeight,
    @Nullable Integer totalStep,
    @Nullable RankPattern rankPattern,
    double loraAlpha,
    double loraDropout,
    Targets targets,
    Bias bias,
    boolean initLoraWeights,
    boolean fanInFanOut)
    implements LinearConfig<AdaLoraConfig> {

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
        .probability("lora_dropout", loraDropout);
  }

  /** PEFT's defaults with these ranks. */
  public static AdaLoraConfig ofRanks(int init, int target) {
    AdaLoraConfig larger =
        Configs.with(Configs.withDefaults(AdaLoraConfig.class), "initR", Math.max(init, 12));
    return Configs.with(Configs.with(larger, "targetR", target), "initR", init);
  }

  /** With so many steps before and after the reduction of ranks. */
  public AdaLoraConfig warmup(int before, int after) {
    return Configs.with(Configs.with(this, "tinit", before), "tfinal", after);
  }

  /** With this scale numerator α. */
  public AdaLoraConfig alpha(double alpha) {
    return Configs.with(this, "loraAlpha", alpha);
  }

  /** With these biases of the model trained besides; {@code lora_only} for the modules' own. */
  public AdaLoraConfig bias(String biases) {
    return Configs.with(this, "bias", new Bias(biases));
  }

  /** With this dropout before A. */
  public AdaLoraConfig dropout(double probability) {
    return Configs.with(this, "loraDropout", probability);
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
