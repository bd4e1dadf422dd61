package io.github.peft4j.methods.dylora;

import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.LinearConfig;
import io.github.peft4j.methods.common.linear.ModuleTargets;
import io.github.peft4j.tuner.injection.Bias;
import io.github.peft4j.withers.Withers;
import org.jspecify.annotations.Nullable;

/**
 * Settings of DyLoRA (Valipour et al. 2022, arXiv:2210.07558), with the defaults of the authors'
 * scripts.
 *
 * @param r the largest rank, above 0; 8
 * @param loraAlpha α: the change at rank b is scaled by α/b. Finite; 16
 * @param loraDropout probability that an element of the input is dropped before A, in [0, 1); 0
 * @param frozen whether a step at rank b trains the last rank alone, or else all b; true
 * @param rankMultiple u: the ranks that are drawn are u, 2u, …, r. It divides r; 1 for all ranks
 * @param seed of the draws: a step's rank depends on it and on the number of the step alone; 42
 * @param inferenceRank the rank outside of training steps, from 1 to r; null for r
 * @param targets the modules that get an adapter
 * @param bias which biases of the model are also trained; {@code none}
 */
@Withers
public record DyLoraConfig(
    int r,
    double loraAlpha,
    double loraDropout,
    boolean frozen,
    int rankMultiple,
    int seed,
    @Nullable Integer inferenceRank,
    ModuleTargets targets,
    Bias bias)
    implements LinearConfig<DyLoraConfig>, DyLoraConfigWithers {

  /** Checks the values. */
  public DyLoraConfig {
    Configs.check(DyLoraConfig.class)
        .rank("r", r)
        .finite("lora_alpha", loraAlpha)
        .probability("lora_dropout", loraDropout)
        .that(
            rankMultiple > 0 && r % rankMultiple == 0,
            "rank_multiple",
            rankMultiple,
            "a number above 0 that divides r, which is " + r)
        .that(
            inferenceRank == null || (inferenceRank >= 1 && inferenceRank <= r),
            "inference_rank",
            inferenceRank,
            "a rank from 1 to r, which is " + r + ", or null for r");
  }

  /** The default for each field of {@code adapter_config.json}. */
  public static DyLoraConfig defaults() {
    return Configs.withDefaults(DyLoraConfig.class);
  }

  /** The defaults with this largest rank. */
  public static DyLoraConfig ofRank(int r) {
    return defaults().r(r);
  }
}
