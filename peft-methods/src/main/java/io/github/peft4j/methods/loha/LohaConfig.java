package io.github.peft4j.methods.loha;

import io.github.peft4j.Configs;
import io.github.peft4j.methods.linear.LinearConfig;
import io.github.peft4j.tuner.TargetModules;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

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
 * @param targetModules which modules; null for queries and values
 * @param excludeModules which of those not, or null
 * @param modulesToSave modules trained whole and saved with the adapter, or null
 * @param initWeights whether the adapter has no effect at first
 * @param layersToTransform indices of the layers that are meant, or null for all
 * @param layersPattern name parts before a layer's index, or null for any
 * @param rankPattern ranks of some modules, by regular expression over name endings
 * @param alphaPattern alphas of some modules, likewise
 */
public record LohaConfig(
    int r,
    double alpha,
    double rankDropout,
    double moduleDropout,
    boolean useEffectiveConv2d,
    @Nullable TargetModules targetModules,
    @Nullable TargetModules excludeModules,
    @Nullable List<String> modulesToSave,
    boolean initWeights,
    @Nullable List<Integer> layersToTransform,
    @Nullable List<String> layersPattern,
    Map<String, Integer> rankPattern,
    Map<String, Double> alphaPattern)
    implements LinearConfig {

  /** Checks the values. */
  public LohaConfig {
    require(r > 0, "r", r, "a rank above 0");
    require(rankDropout >= 0 && rankDropout < 1, "rank_dropout", rankDropout, "a value in [0, 1)");
    require(
        moduleDropout >= 0 && moduleDropout < 1,
        "module_dropout",
        moduleDropout,
        "a value in [0, 1)");
    rankPattern.forEach(
        (name, rank) -> require(rank > 0, "rank_pattern." + name, rank, "a rank above 0"));
  }

  private static void require(boolean fine, String field, @Nullable Object value, String expected) {
    Configs.require(fine, LohaConfig.class, field, value, expected);
  }

  /** PEFT's defaults with this rank. */
  public static LohaConfig ofRank(int r) {
    return Configs.with(Configs.withDefaults(LohaConfig.class), "r", r);
  }

  /** On modules whose names end so. */
  public LohaConfig targeting(String... suffixes) {
    return Configs.with(this, "targetModules", TargetModules.of(List.of(suffixes)));
  }

  /** With rows of the change dropped in training, and the whole of it, with these probabilities. */
  public LohaConfig dropout(double rows, double module) {
    return Configs.with(Configs.with(this, "rankDropout", rows), "moduleDropout", module);
  }

  /** The rank of a module. */
  int rankOf(String module) {
    return Configs.ofModule(rankPattern, module, r);
  }

  /** The scale s of a module: α/r. */
  double scaleOf(String module) {
    return Configs.ofModule(alphaPattern, module, alpha) / rankOf(module);
  }
}
