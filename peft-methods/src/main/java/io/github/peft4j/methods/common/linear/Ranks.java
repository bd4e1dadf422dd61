package io.github.peft4j.methods.common.linear;

import io.github.peft4j.config.Configs;
import java.util.Map;

/**
 * The ranks and scales of an adapter's modules.
 *
 * @param r the rank of modules that no pattern matches
 * @param alpha the alpha of modules that no pattern matches
 * @param rankPattern ranks of single modules, by regular expression over name endings
 * @param alphaPattern alphas of single modules, by regular expression over name endings
 * @param rankStabilized whether the scale is α/√r instead of α/r
 */
public record Ranks(
    int r,
    double alpha,
    Map<String, Integer> rankPattern,
    Map<String, Double> alphaPattern,
    boolean rankStabilized) {

  /** The rank of a module, above 0. */
  public int of(String module) {
    return Configs.ofModule(rankPattern, module, r);
  }

  /** The alpha of a module, the numerator of its scale. */
  public double alphaOf(String module) {
    return Configs.ofModule(alphaPattern, module, alpha);
  }

  /** The scale s of a module: α/r, or α/√r. */
  public double scaleOf(String module) {
    double alpha = alphaOf(module);
    int rank = of(module);
    return rankStabilized ? alpha / Math.sqrt(rank) : alpha / rank;
  }
}
