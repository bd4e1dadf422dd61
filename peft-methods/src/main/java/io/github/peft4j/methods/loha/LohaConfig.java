package io.github.peft4j.methods.loha;

import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.LinearConfig;
import io.github.peft4j.methods.common.linear.ModuleTargets;
import io.github.peft4j.methods.common.linear.Ranks;
import io.github.peft4j.withers.Withers;
import java.util.Map;

/**
 * Settings of LoHa, with the names and defaults of Hugging Face PEFT's LoHaConfig.
 *
 * @param r the rank of each factor, above 0; 8
 * @param alpha the scale's numerator; 8
 * @param rankDropout probability of a row of the change, an output, to be dropped in a training
 *     step, in [0, 1); 0. What is left is divided by its share
 * @param moduleDropout probability of a module's change to be dropped in a training step, in [0,
 *     1); 0
 * @param useEffectiveConv2d what PEFT is told about convolutions, which no model here has
 * @param targets which modules
 * @param initWeights whether the adapter has no effect at first
 * @param rankPattern ranks of some modules, by regular expression over name endings
 * @param alphaPattern alphas of some modules, likewise
 */
@Withers
public record LohaConfig(
    int r,
    double alpha,
    double rankDropout,
    double moduleDropout,
    boolean useEffectiveConv2d,
    ModuleTargets targets,
    boolean initWeights,
    Map<String, Integer> rankPattern,
    Map<String, Double> alphaPattern)
    implements LinearConfig<LohaConfig>, LohaConfigWithers {

  /** Checks the values. */
  public LohaConfig {
    Configs.check(LohaConfig.class)
        .rank("r", r)
        .finite("alpha", alpha)
        .finite("alpha_pattern", alphaPattern)
        .probability("rank_dropout", rankDropout)
        .probability("module_dropout", moduleDropout)
        .ranks("rank_pattern", rankPattern);
    rankPattern = Configs.inOrder(rankPattern);
    alphaPattern = Configs.inOrder(alphaPattern);
  }

  /** Every field as the method's {@code adapter_config.json} has it. */
  public static LohaConfig defaults() {
    return Configs.withDefaults(LohaConfig.class);
  }

  /** PEFT's defaults with this rank. */
  public static LohaConfig ofRank(int r) {
    return defaults().r(r);
  }

  /** The ranks and scales of the modules. */
  Ranks ranks() {
    return new Ranks(r, alpha, rankPattern, alphaPattern, false);
  }
}
