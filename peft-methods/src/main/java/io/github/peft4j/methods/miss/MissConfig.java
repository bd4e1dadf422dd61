package io.github.peft4j.methods.miss;

import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.LinearConfig;
import io.github.peft4j.methods.common.linear.ModuleTargets;
import io.github.peft4j.tuner.injection.Bias;
import io.github.peft4j.withers.Withers;

/**
 * Settings of MiSS, with the names and defaults of Hugging Face PEFT's MissConfig.
 *
 * @param r length of a shard of the input, above 0; 64
 * @param missDropout probability that an element of the input is dropped, in [0, 1); 0
 * @param miniR with MINI, the number of outputs after which the matrix repeats; 1
 * @param targets the modules that get an adapter
 * @param bias which biases of the model are also trained: {@code none}, {@code all}, or those of
 *     the adapted modules; {@code none}
 * @param initWeights the variant, and how its matrix is initialised
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

  /** PEFT's default for each field of {@code adapter_config.json}. */
  public static MissConfig defaults() {
    return Configs.withDefaults(MissConfig.class);
  }

  /** PEFT's defaults with this rank. */
  public static MissConfig ofRank(int r) {
    return defaults().r(r);
  }
}
