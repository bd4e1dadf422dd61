package io.github.peft4j.methods.pruning;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.config.TargetedConfig;
import io.github.peft4j.withers.Withers;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Settings of pruning while fine-tuning (Sanh et al. 2020, arXiv:2005.07683), with the names and
 * defaults of the authors' code and PEFT's names for modules.
 *
 * @param pruningMethod what decides which weights are kept; {@code topK}
 * @param initialThreshold the threshold before it changes; 1. For {@code topK} and {@code
 *     magnitude} the kept part of the weights, in (0, 1]; for {@code sigmoied_threshold} that of
 *     σ(score), in [0, 1]
 * @param finalThreshold the threshold at the end and in inference, above 0; 0.7
 * @param warmupSteps the unit of the two following fields, in steps, 0 or more; null for a tenth of
 *     the training
 * @param initialWarmup for this many units the threshold is the initial one, 0 or more; 1
 * @param finalWarmup for this many units at the end it is the final one, 0 or more; 2
 * @param maskScoresLearningRate the peak learning rate of the scores, above 0; 0.01
 * @param maskInit what scores start as; {@code constant}
 * @param maskScale the constant, or the bound of uniform scores; 0
 * @param regularization the penalty of scores, or null for none
 * @param finalLambda λ, its weight in the loss at the end, 0 or more; 0. Before, it is {@code λ ·
 *     threshold / finalThreshold}
 * @param globalTopk whether all tensors compete with each other; false
 * @param globalTopkFrequencyCompute every how many steps the common threshold is computed, above 0;
 *     25
 * @param freezeEmbeddings whether embeddings stay as they are, as all but them is trained; true
 * @param targetModules the linear maps whose weights are pruned; null for those of all layers
 * @param excludeModules maps to leave out of those, or null for none
 * @param modulesToSave modules that are trained whole and not pruned, or null for none
 * @param entries internal: the number of kept weights by tensor, empty until they are chosen
 */
@Withers
public record PruningConfig(
    PruningMethod pruningMethod,
    double initialThreshold,
    double finalThreshold,
    @Nullable Integer warmupSteps,
    int initialWarmup,
    int finalWarmup,
    double maskScoresLearningRate,
    MaskInit maskInit,
    double maskScale,
    @Nullable Regularization regularization,
    double finalLambda,
    boolean globalTopk,
    int globalTopkFrequencyCompute,
    boolean freezeEmbeddings,
    @Nullable TargetModules targetModules,
    @Nullable TargetModules excludeModules,
    @Nullable List<String> modulesToSave,
    Map<String, Integer> entries)
    implements TargetedConfig<PruningConfig>, PruningConfigWithers {

  /** Checks the values. */
  public PruningConfig {
    Configs.check(PruningConfig.class)
        .that(
            (initialThreshold > 0 || pruningMethod == PruningMethod.SIGMOIED_THRESHOLD)
                && initialThreshold >= 0
                && initialThreshold <= 1,
            "initial_threshold",
            initialThreshold,
            "a number in (0, 1], or 0 for sigmoied_threshold")
        .that(
            finalThreshold > 0 && finalThreshold <= 1,
            "final_threshold",
            finalThreshold,
            "a number in (0, 1]")
        .notNegative("warmup_steps", warmupSteps == null ? 0 : warmupSteps)
        .notNegative("initial_warmup", initialWarmup)
        .notNegative("final_warmup", finalWarmup)
        .positive("mask_scores_learning_rate", maskScoresLearningRate)
        .finite("mask_scale", maskScale)
        .notNegative("final_lambda", finalLambda)
        .positive("global_topk_frequency_compute", globalTopkFrequencyCompute)
        .that(
            regularization == null || pruningMethod != PruningMethod.MAGNITUDE,
            "regularization",
            regularization,
            "null: magnitude pruning has no scores")
        .that(
            regularization != Regularization.L0 || pruningMethod == PruningMethod.L0,
            "regularization",
            regularization,
            "l1 or null; l0 is for gates, pruning_method l0")
        .that(
            !globalTopk
                || pruningMethod == PruningMethod.TOP_K
                || pruningMethod == PruningMethod.MAGNITUDE,
            "global_topk",
            globalTopk,
            "false for " + pruningMethod.json() + ", whose threshold is a common one already");
    entries = Configs.inOrder(entries);
  }

  private static PruningConfig defaults() {
    return Configs.withDefaults(PruningConfig.class);
  }

  /**
   * Movement pruning: each tensor keeps this part of its weights, those with the highest scores.
   *
   * @param kept in (0, 1]
   */
  public static PruningConfig movement(double kept) {
    return defaults().finalThreshold(kept);
  }

  /**
   * Soft movement pruning: weights are kept whose score's sigmoid is above 0.1 at the end, and a
   * penalty presses the scores down. How many are kept depends on it.
   *
   * @param lambda the penalty's weight, 0 or more; the paper's are 1 to 400
   */
  public static PruningConfig softMovement(double lambda) {
    return defaults()
        .pruningMethod(PruningMethod.SIGMOIED_THRESHOLD)
        .initialThreshold(0)
        .finalThreshold(0.1)
        .regularization(Regularization.L1)
        .finalLambda(lambda);
  }

  /**
   * Magnitude pruning: each tensor keeps this part of its weights, the largest ones.
   *
   * @param kept in (0, 1]
   */
  public static PruningConfig magnitude(double kept) {
    return movement(kept).pruningMethod(PruningMethod.MAGNITUDE);
  }

  /**
   * L0 regularization: gates that are open with a probability, which a penalty presses down.
   *
   * @param lambda the penalty's weight, 0 or more; the authors' example has 125
   */
  public static PruningConfig l0(double lambda) {
    return defaults()
        .pruningMethod(PruningMethod.L0)
        .finalThreshold(1)
        .finalWarmup(1)
        .maskScoresLearningRate(0.1)
        .maskScale(2.197)
        .regularization(Regularization.L0)
        .finalLambda(lambda);
  }
}
