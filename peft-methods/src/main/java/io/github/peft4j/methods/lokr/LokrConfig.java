package io.github.peft4j.methods.lokr;

import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.LinearConfig;
import io.github.peft4j.methods.common.linear.ModuleTargets;
import io.github.peft4j.methods.common.linear.Ranks;
import io.github.peft4j.withers.Withers;
import java.util.Map;

/**
 * Settings of LoKr, with the names and defaults of Hugging Face PEFT's LoKrConfig.
 *
 * @param r the rank of the factors, above 0; 8
 * @param alpha α, the numerator of the scale; 8
 * @param rankDropout probability that a row of the weight update, which is one output, is dropped
 *     in a training step, in [0, 1); 0
 * @param moduleDropout probability that a module's update is dropped in a training step, in [0, 1);
 *     0
 * @param decomposeBoth whether the left factor of the Kronecker product may also be of low rank;
 *     false
 * @param decomposeFactor approximate size of the left factor, above 0; -1 for the square root of
 *     the dimension; -1
 * @param rankDropoutScale whether the remaining rows are divided by the fraction that remains;
 *     false
 * @param useEffectiveConv2d PEFT's setting for convolutions. No supported model has any
 * @param targets the modules that get an adapter
 * @param initWeights how the factors start
 * @param rankPattern ranks of single modules, by regular expression over name endings; empty
 * @param alphaPattern alphas of single modules, by regular expression over name endings; empty
 */
@Withers
public record LokrConfig(
    int r,
    double alpha,
    double rankDropout,
    double moduleDropout,
    boolean decomposeBoth,
    int decomposeFactor,
    boolean rankDropoutScale,
    boolean useEffectiveConv2d,
    ModuleTargets targets,
    LokrInitialization initWeights,
    Map<String, Integer> rankPattern,
    Map<String, Double> alphaPattern)
    implements LinearConfig<LokrConfig>, LokrConfigWithers {

  /** Checks the values. */
  public LokrConfig {
    Configs.check(LokrConfig.class)
        .rank("r", r)
        .finite("alpha", alpha)
        .finite("alpha_pattern", alphaPattern)
        .probability("rank_dropout", rankDropout)
        .probability("module_dropout", moduleDropout)
        .that(
            decomposeFactor > 0 || decomposeFactor == -1,
            "decompose_factor",
            decomposeFactor,
            "a number above 0, or -1")
        .ranks("rank_pattern", rankPattern);
    rankPattern = Configs.inOrder(rankPattern);
    alphaPattern = Configs.inOrder(alphaPattern);
  }

  /** PEFT's default for each field of {@code adapter_config.json}. */
  public static LokrConfig defaults() {
    return Configs.withDefaults(LokrConfig.class);
  }

  /** PEFT's defaults with this rank. */
  public static LokrConfig ofRank(int r) {
    return defaults().r(r);
  }

  /** The ranks and scales of the modules. */
  Ranks ranks() {
    return new Ranks(r, alpha, rankPattern, alphaPattern, false);
  }
}
