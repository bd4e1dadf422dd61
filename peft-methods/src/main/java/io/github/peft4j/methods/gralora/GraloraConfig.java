package io.github.peft4j.methods.gralora;

import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.LayerConfig;
import io.github.peft4j.methods.common.linear.LayerTargets;
import io.github.peft4j.tuner.injection.Bias;
import io.github.peft4j.withers.Withers;

/**
 * Settings of GraLoRA (Jung et al. 2025, arXiv:2505.20355), with the names and defaults of Hugging
 * Face PEFT's GraloraConfig.
 *
 * @param r the rank, above 0, a multiple of graloraK; 32
 * @param hybridR the rank of a plain LoRA beside the blocks, at least 0; 0
 * @param alpha α, the numerator of the scale α / (r + hybridR); 64
 * @param graloraDropout probability that an element of the input is dropped, in [0, 1). The plain
 *     LoRA drops others than the blocks; 0
 * @param graloraK k, number of blocks along each side, above 0; divides both sides of each adapted
 *     weight; 2
 * @param layers the modules that get an adapter
 * @param bias which biases of the model are also trained: {@code none}, {@code all}, or those of
 *     the adapted modules; {@code none}
 * @param initWeights whether the upper factors start as zero, so that the adapter has no effect at
 *     the start; true
 * @param fanInFanOut whether PEFT finds the weights stored as (in, out), as in GPT-2's Conv1D.
 *     peft4j reads the layout from the model
 */
@Withers
public record GraloraConfig(
    int r,
    int hybridR,
    double alpha,
    double graloraDropout,
    int graloraK,
    LayerTargets layers,
    Bias bias,
    boolean initWeights,
    boolean fanInFanOut)
    implements LayerConfig<GraloraConfig>, GraloraConfigWithers {

  /** Checks the values. */
  public GraloraConfig {
    Configs.check(GraloraConfig.class)
        .positive("gralora_k", graloraK)
        .rank("r", r)
        .that(r % graloraK == 0, "r", r, "a multiple of gralora_k, " + graloraK)
        .notNegative("hybrid_r", hybridR)
        .notZero("alpha", alpha)
        .probability("gralora_dropout", graloraDropout);
  }

  /** PEFT's default for each field of {@code adapter_config.json}. */
  public static GraloraConfig defaults() {
    return Configs.withDefaults(GraloraConfig.class);
  }

  /** PEFT's defaults with this rank. */
  public static GraloraConfig ofRank(int r) {
    return defaults().r(r);
  }

  /** s = α / (r + hybridR). */
  double scale() {
    return alpha / (r + hybridR);
  }
}
