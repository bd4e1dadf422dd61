package io.github.peft4j.methods.hra;

import io.github.peft4j.Configs;
import io.github.peft4j.methods.common.linear.LinearConfig;
import io.github.peft4j.methods.common.linear.Targets;
import io.github.peft4j.tuner.Bias;

/**
 * Settings of HRA, with the names and defaults of Hugging Face PEFT's HRAConfig.
 *
 * @param r how many reflections, above 0; best even; 8
 * @param applyGs whether the columns are orthonormalised (Gram-Schmidt), so that the reflections
 *     commute
 * @param targets which modules
 * @param bias which biases of the model are trained besides; {@code none}
 * @param initWeights whether the reflections start in pairs that undo each other, if their number
 *     is even
 */
public record HraConfig(int r, boolean applyGs, Targets targets, Bias bias, boolean initWeights)
    implements LinearConfig<HraConfig> {

  /** Checks the values. */
  public HraConfig {
    Configs.check(HraConfig.class).positive("r", r);
  }

  /** PEFT's defaults with this rank. */
  public static HraConfig ofRank(int r) {
    return Configs.with(Configs.withDefaults(HraConfig.class), "r", r);
  }

  /** With reflections at planes that are orthogonal to each other. */
  public HraConfig orthogonal() {
    return Configs.with(this, "applyGs", true);
  }

  /** With these biases of the model trained besides; {@code hra_only} for the modules' own. */
  public HraConfig bias(String biases) {
    return Configs.with(this, "bias", new Bias(biases));
  }
}
