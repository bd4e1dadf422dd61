package io.github.peft4j.methods.hira;

import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.LinearConfig;
import io.github.peft4j.methods.common.linear.ModuleTargets;
import io.github.peft4j.withers.Withers;
import java.util.Map;

/**
 * Settings of HiRA (Huang et al., ICLR 2025), with the names and defaults of Hugging Face PEFT's
 * HiraConfig.
 *
 * @param r the rank of B A, above 0. The rank of the change W ∘ (B A) is not limited by it; 32
 * @param hiraDropout probability that an element of the input is dropped, in [0, 1). Embeddings
 *     have no dropout; 0
 * @param targets the modules that get an adapter
 * @param initWeights how A and B start
 * @param rankPattern ranks of single modules, by regular expression over name endings
 * @param fanInFanOut whether PEFT finds the weights stored as (in, out), as in GPT-2's Conv1D.
 *     peft4j reads the layout from the model
 */
@Withers
public record HiraConfig(
    int r,
    double hiraDropout,
    ModuleTargets targets,
    HiraInitialization initWeights,
    Map<String, Integer> rankPattern,
    boolean fanInFanOut)
    implements LinearConfig<HiraConfig>, HiraConfigWithers {

  /** Checks the values. */
  public HiraConfig {
    Configs.check(HiraConfig.class)
        .rank("r", r)
        .probability("hira_dropout", hiraDropout)
        .ranks("rank_pattern", rankPattern);
    rankPattern = Configs.inOrder(rankPattern);
  }

  /** PEFT's default for each field of {@code adapter_config.json}. */
  public static HiraConfig defaults() {
    return Configs.withDefaults(HiraConfig.class);
  }

  /** PEFT's defaults with this rank. */
  public static HiraConfig ofRank(int r) {
    return defaults().r(r);
  }

  /** The rank of a module. */
  int rankOf(String module) {
    return Configs.ofModule(rankPattern, module, r);
  }
}
