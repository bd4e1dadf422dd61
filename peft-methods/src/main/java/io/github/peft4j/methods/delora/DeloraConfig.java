package io.github.peft4j.methods.delora;

import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.LinearConfig;
import io.github.peft4j.methods.common.linear.ModuleTargets;
import io.github.peft4j.tuner.injection.Bias;
import io.github.peft4j.withers.Withers;
import java.util.Map;

/**
 * Settings of DeLoRA (Bini et al. 2025, arXiv:2503.18225), with the names and defaults of Hugging
 * Face PEFT's DeloraConfig.
 *
 * @param r the rank, above 0; 8
 * @param deloraLambda λ at the start, the bound of the change; it is trained; 15
 * @param moduleDropout probability that an element of the input is dropped, in [0, 1). PEFT's name
 *     promises the dropout of whole modules, but PEFT drops elements; 0
 * @param targets the modules that get an adapter
 * @param bias which biases of the model are also trained: {@code none}, {@code all}, or those of
 *     the adapted modules; {@code none}
 * @param initWeights whether B starts as zero, so that the adapter has no effect at the start; true
 * @param rankPattern ranks of single modules, by regular expression over name endings; empty
 * @param lambdaPattern λs of single modules, by regular expression over name endings; empty
 */
@Withers
public record DeloraConfig(
    int r,
    double deloraLambda,
    double moduleDropout,
    ModuleTargets targets,
    Bias bias,
    boolean initWeights,
    Map<String, Integer> rankPattern,
    Map<String, Double> lambdaPattern)
    implements LinearConfig<DeloraConfig>, DeloraConfigWithers {

  /** Checks the values. */
  public DeloraConfig {
    Configs.check(DeloraConfig.class)
        .rank("r", r)
        .notZero("delora_lambda", deloraLambda)
        .probability("module_dropout", moduleDropout)
        .ranks("rank_pattern", rankPattern)
        .finite("lambda_pattern", lambdaPattern);
    rankPattern = Configs.inOrder(rankPattern);
    lambdaPattern = Configs.inOrder(lambdaPattern);
  }

  /** PEFT's default for each field of {@code adapter_config.json}. */
  public static DeloraConfig defaults() {
    return Configs.withDefaults(DeloraConfig.class);
  }

  /** PEFT's defaults with this rank. */
  public static DeloraConfig ofRank(int r) {
    return defaults().r(r);
  }

  /** The rank of a module. */
  int rankOf(String module) {
    return Configs.ofModule(rankPattern, module, r);
  }

  /** λ of a module at the start. */
  double lambdaOf(String module) {
    return Configs.ofModule(lambdaPattern, module, deloraLambda);
  }
}
