package io.github.peft4j.methods.common.linear;

import io.github.peft4j.config.Configs;
import java.util.Map;

/**
 * The ranks and scales of an adapter's modules.
 *
 * @param r the rank of modules that no pattern fits
 * @param alpha the scale's numerator of modules that no pattern fits
 * @param rankPattern ranks of some modules, by regular expression over endings of names
 * @param alphaPattern alphas of some modules, likewise
 * @param rankStabilized whether the scale is α/√r and not α/r
 */
public record Ranks(
    int r,
    double alpha,
    Map<String, Integer> rankPattern,
    Map<String, Double> alphaPattern,
    boolean rankStabilized) {

  /** The rank of a module. */
  public int of(String module) {
    return Configs.ofModule(rankPattern, module, r);
  }

  /** The alpha of a module. */
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
