package io.github.peft4j.methods.lily;

import com.google.gson.annotations.SerializedName;
import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.LinearConfig;
import io.github.peft4j.methods.common.linear.ModuleTargets;
import io.github.peft4j.withers.Withers;

/**
 * Settings of Lily (Zhong et al. 2024, arXiv:2407.09946), with the names and defaults of Hugging
 * Face PEFT's LilyConfig.
 *
 * @param r the rank, above 0; 32
 * @param strideA number of consecutive modules of one kind that share a matrix A, above 0; 1
 * @param numB number of matrices B that all modules of one kind share, above 1; 2
 * @param scaling the scale s; 1
 * @param targets the modules that get an adapter
 * @param initWeights whether the adapter has no effect at the start; true
 */
@Withers
public record LilyConfig(
    int r,
    @SerializedName("stride_A") int strideA,
    @SerializedName("num_B") int numB,
    double scaling,
    ModuleTargets targets,
    boolean initWeights)
    implements LinearConfig<LilyConfig>, LilyConfigWithers {

  /** Checks the values. */
  public LilyConfig {
    Configs.check(LilyConfig.class)
        .rank("r", r)
        .positive("stride_A", strideA)
        .that(numB > 1, "num_B", numB, "a number above 1: the router chooses between matrices B")
        .notZero("scaling", scaling)
        .that(
            targets.layersPattern() == null || targets.layersToTransform() != null,
            "layers_pattern",
            targets.layersPattern(),
            "to be set together with layers_to_transform only");
  }

  /** PEFT's default for each field of {@code adapter_config.json}. */
  public static LilyConfig defaults() {
    return Configs.withDefaults(LilyConfig.class);
  }

  /** PEFT's defaults with this rank. */
  public static LilyConfig ofRank(int r) {
    return defaults().r(r);
  }
}
