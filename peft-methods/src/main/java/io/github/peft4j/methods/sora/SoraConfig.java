package io.github.peft4j.methods.sora;

import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.LinearConfig;
import io.github.peft4j.methods.common.linear.ModuleTargets;
import io.github.peft4j.tuner.injection.Bias;
import io.github.peft4j.withers.Withers;
import org.jspecify.annotations.Nullable;

/**
 * Settings of SoRA (Ding et al. 2023, arXiv:2311.11696), with the names and defaults of the
 * authors' code.
 *
 * @param r the rank at the start, above 0; 16
 * @param loraAlpha the scale is {@code loraAlpha / r}; 16
 * @param loraDropout probability that an element of the input is dropped, in [0, 1); 0
 * @param sparseLambda weight of the gates' mean size in the loss, 0 or more; 0.001
 * @param sparseLambda2 how far each step moves gates towards zero, 0 or more; 0.001
 * @param sparseLr the gates' learning rate, above 0; null for that of the other tensors
 * @param thresholdByRate whether a step moves gates by {@code sparseLambda2} times the learning
 *     rate, as in the paper, or by {@code sparseLambda2} itself, as in the code; false
 * @param targets the modules that get an adapter
 * @param bias which biases of the model are also trained; {@code none}
 */
@Withers
public record SoraConfig(
    int r,
    double loraAlpha,
    double loraDropout,
    double sparseLambda,
    @com.google.gson.annotations.SerializedName("sparse_lambda_2") double sparseLambda2,
    @Nullable Double sparseLr,
    boolean thresholdByRate,
    ModuleTargets targets,
    Bias bias)
    implements LinearConfig<SoraConfig>, SoraConfigWithers {

  /** Checks the values. */
  public SoraConfig {
    Configs.check(SoraConfig.class)
        .rank("r", r)
        .finite("lora_alpha", loraAlpha)
        .probability("lora_dropout", loraDropout)
        .notNegative("sparse_lambda", sparseLambda)
        .notNegative("sparse_lambda_2", sparseLambda2)
        .positive("sparse_lr", sparseLr);
  }

  /** The default for each field of {@code adapter_config.json}. */
  public static SoraConfig defaults() {
    return Configs.withDefaults(SoraConfig.class);
  }

  /** The defaults with this rank at the start. */
  public static SoraConfig ofRank(int r) {
    return defaults().r(r);
  }

  /** s. */
  double scale() {
    return loraAlpha / r;
  }
}
