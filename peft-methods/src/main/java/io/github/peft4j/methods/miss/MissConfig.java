package io.github.peft4j.methods.miss;

import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.LinearConfig;
import io.github.peft4j.methods.common.linear.ModuleTargets;
import io.github.peft4j.tuner.injection.Bias;
import io.github.peft4j.withers.Withers;

/**
 * Settings of MiSS, with the names and defaults of Hugging Face PEFT's MissConfig.
 *
 * @param r the length of a shard of the input, above 0; 64
 * @param missDropout probability of an input element to be dropped, in [0, 1); 0
 * @param miniR with MINI, how many outputs there are until the matrix repeats; 1
 * @param targets which modules
 * @param bias which biases of the model are trained besides; {@code none}
 * @param initWeights the variant, and how the matrix starts
 */
@Withers
public record MissConfig(
    int r,
    double missDropout,
    int miniR,
    ModuleTargets targets,
    Bias bias,
    MissInitialization initWeights)
    implements LinearConfig<MissConfig>, MissConfigWithers {

  /** Checks the values. */
  public MissConfig {
    Configs.check(MissConfig.class)
        .rank("r", r)
        .positive("mini_r", miniR)
        .probability("miss_dropout", missDropout);
  }

  /** Every field as the method's {@code adapter_config.json} has it. */
  public static MissConfig defaults() {
    return Configs.withDefaults(MissConfig.class);
  }

  /** PEFT's defaults with this rank. */
  public static MissConfig ofRank(int r) {
    return defaults().r(r);
  }
}
