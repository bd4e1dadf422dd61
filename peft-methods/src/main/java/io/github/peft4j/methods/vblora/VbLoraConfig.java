package io.github.peft4j.methods.vblora;

import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.LinearConfig;
import io.github.peft4j.methods.common.linear.ModuleTargets;
import io.github.peft4j.tuner.injection.Bias;
import io.github.peft4j.withers.Withers;

/**
 * Settings of VB-LoRA (Li et al. 2024, arXiv:2405.15179), with the names and defaults of Hugging
 * Face PEFT's VBLoRAConfig.
 *
 * @param r the rank, above 0; 4
 * @param numVectors number of vectors in the bank, above 0; 256
 * @param vectorLength length of a vector, a divisor of the inputs and outputs of each module; 256
 * @param topk number of vectors that a part of a factor is mixed of, at most {@code numVectors}; 2
 * @param targets the modules that get an adapter
 * @param saveOnlyTopkWeights whether PEFT's file holds only the chosen vectors and their weights.
 *     The logits, which training needs, are then beside it; false
 * @param vbloraDropout probability that an element of the input is dropped, in [0, 1); 0
 * @param fanInFanOut whether PEFT finds the weights stored as (in, out), as in GPT-2's Conv1D.
 *     peft4j reads the layout from the model
 * @param bias which biases of the model are also trained: {@code none}, {@code all}, or those of
 *     the adapted modules; {@code none}
 * @param initVectorBankBound the vectors start uniformly distributed within ± this bound; 0.02
 * @param initLogitsStd standard deviation of the logits at the start; 0.1
 */
@Withers
public record VbLoraConfig(
    int r,
    int numVectors,
    int vectorLength,
    int topk,
    ModuleTargets targets,
    boolean saveOnlyTopkWeights,
    double vbloraDropout,
    boolean fanInFanOut,
    Bias bias,
    double initVectorBankBound,
    double initLogitsStd)
    implements LinearConfig<VbLoraConfig>, VbLoraConfigWithers {

  /** Checks the values. */
  public VbLoraConfig {
    Configs.check(VbLoraConfig.class)
        .rank("r", r)
        .positive("num_vectors", numVectors)
        .positive("vector_length", vectorLength)
        .that(
            topk > 0 && topk <= numVectors,
            "topk",
            topk,
            "a number from 1 to num_vectors, which is " + numVectors)
        .probability("vblora_dropout", vbloraDropout)
        .positive("init_vector_bank_bound", initVectorBankBound)
        .notNegative("init_logits_std", initLogitsStd)
        .that(
            targets.layersPattern() == null || targets.layersToTransform() != null,
            "layers_pattern",
            targets.layersPattern(),
            "to be set together with layers_to_transform only");
  }

  /** PEFT's default for each field of {@code adapter_config.json}. */
  public static VbLoraConfig defaults() {
    return Configs.withDefaults(VbLoraConfig.class);
  }

  /** PEFT's defaults with this rank. */
  public static VbLoraConfig ofRank(int r) {
    return defaults().r(r);
  }
}
