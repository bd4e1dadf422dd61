package io.github.peft4j.methods.hra;

import com.google.gson.annotations.SerializedName;
import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.LinearConfig;
import io.github.peft4j.methods.common.linear.ModuleTargets;
import io.github.peft4j.tuner.injection.Bias;
import io.github.peft4j.withers.Withers;

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
@Withers
public record HraConfig(
    int r,
    @SerializedName("apply_GS") boolean applyGs,
    ModuleTargets targets,
    Bias bias,
    boolean initWeights)
    implements LinearConfig<HraConfig>, HraConfigWithers {

  /** Checks the values. */
  public HraConfig {
    Configs.check(HraConfig.class).positive("r", r);
  }

  /** Every field as the method's {@code adapter_config.json} has it. */
  public static HraConfig defaults() {
    return Configs.withDefaults(HraConfig.class);
  }

  /** PEFT's defaults with this rank. */
  public static HraConfig ofRank(int r) {
    return defaults().r(r);
  }
}
