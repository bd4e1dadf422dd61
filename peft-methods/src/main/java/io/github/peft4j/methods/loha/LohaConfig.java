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
 * @param alpha α, the numerator of the scale; 8
 * @param rankDropout probability that a row of the weight update, which is one output, is dropped
 *     in a training step, in [0, 1). The remaining rows are divided by the fraction that remains; 0
 * @param moduleDropout probability that a module's update is dropped in a training step, in [0, 1);
 *     0
 * @param useEffectiveConv2d PEFT's setting for convolutions. No supported model has any
 * @param targets the modules that get an adapter
 * @param initWeights whether the adapter has no effect at the start; true
 * @param rankPattern ranks of single modules, by regular expression over name endings; empty
 * @param alphaPattern alphas of single modules, by regular expression over name endings; empty
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

  /** PEFT's default for each field of {@code adapter_config.json}. */
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
