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
 * @param alpha the scale's numerator; 8
 * @param rankDropout probability of a row of the change, an output, to be dropped in a training
 *     step, in [0, 1); 0
 * @param moduleDropout probability of a module's change to be dropped in a training step, in [0,
 *     1); 0
 * @param decomposeBoth whether the left factor of the Kronecker product may be of low rank too
 * @param decomposeFactor about the size of the left factor; -1 for the square root of the dimension
 * @param rankDropoutScale whether the rows that are left are divided by their share; false
 * @param useEffectiveConv2d what PEFT is told about convolutions, which no model here has
 * @param targets which modules
 * @param initWeights how the factors start
 * @param rankPattern ranks of some modules, by regular expression over name endings
 * @param alphaPattern alphas of some modules, likewise
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

  /** Every field as the method's {@code adapter_config.json} has it. */
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
