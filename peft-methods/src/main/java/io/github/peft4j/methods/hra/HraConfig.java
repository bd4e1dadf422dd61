package io.github.peft4j.methods.hra;

import com.google.gson.annotations.SerializedName;
import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.LinearConfig;
import io.github.peft4j.methods.common.linear.ModuleTargets;
import io.github.peft4j.tuner.injection.Bias;
import io.github.peft4j.withers.Withers;

/**
 * Settings of HRA (Yuan et al. 2024, arXiv:2405.17484), with the names and defaults of Hugging Face
 * PEFT's HRAConfig.
 *
 * @param r number of reflections, above 0 and preferably even; 8
 * @param applyGs whether the reflection vectors are orthonormalised (Gram-Schmidt), so that the
 *     reflections commute; false
 * @param targets the modules that get an adapter
 * @param bias which biases of the model are also trained: {@code none}, {@code all}, or those of
 *     the adapted modules; {@code none}
 * @param initWeights whether the reflections start in pairs that cancel each other. This requires
 *     an even number of them and no Gram-Schmidt; true
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

  /** PEFT's default for each field of {@code adapter_config.json}. */
  public static HraConfig defaults() {
    return Configs.withDefaults(HraConfig.class);
  }

  /** PEFT's defaults with this rank. */
  public static HraConfig ofRank(int r) {
    return defaults().r(r);
  }
}
