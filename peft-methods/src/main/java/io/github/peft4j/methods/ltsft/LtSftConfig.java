package io.github.peft4j.methods.ltsft;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.methods.common.sparse.SparseConfig;
import io.github.peft4j.train.optimizer.LearningRateSchedule;
import io.github.peft4j.withers.Withers;
import java.util.List;
import java.util.Map;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Settings of lottery-ticket sparse fine-tuning (Ansell et al. 2022, arXiv:2110.07560), with the
 * names and defaults of the authors' composable-sft and PEFT's names for modules.
 *
 * @param ftParamsProportion the part of the targets' parameters that differ at the end, in (0, 1];
 *     0.01
 * @param ftParamsNum their number instead, above 0, or null
 * @param nFtIterations the number of iterations, each of which adds an equal number to the mask,
 *     above 0; 1
 * @param fullFtMaxStepsPerIteration steps of the full phase of an iteration, above 0; null for half
 *     of the iteration
 * @param sparseFtMaxStepsPerIteration steps of its masked phase, above 0; null for the rest
 * @param fullL1Reg factor of the mean absolute change in the loss of full phases, 0 or more
 * @param sparseL1Reg the same of masked phases
 * @param targetModules the modules whose tensors are masked; null for all
 * @param excludeModules modules that stay frozen, or null for none
 * @param modulesToSave modules that are fully trained and saved with the adapter, or null for none
 * @param entries internal: the number of trained entries by tensor; empty until they are chosen
 */
@Withers
public record LtSftConfig(
    double ftParamsProportion,
    @Nullable Integer ftParamsNum,
    int nFtIterations,
    @Nullable Integer fullFtMaxStepsPerIteration,
    @Nullable Integer sparseFtMaxStepsPerIteration,
    double fullL1Reg,
    double sparseL1Reg,
    @Nullable TargetModules targetModules,
    @Nullable TargetModules excludeModules,
    @Nullable List<String> modulesToSave,
    Map<String, Integer> entries)
    implements SparseConfig<LtSftConfig>, LtSftConfigWithers {

  /** Checks the values. */
  public LtSftConfig {
    Configs.check(LtSftConfig.class)
        .that(
            ftParamsProportion > 0 && ftParamsProportion <= 1,
            "ft_params_proportion",
            ftParamsProportion,
            "a part in (0, 1]")
        .positive("ft_params_num", ftParamsNum)
        .positive("n_ft_iterations", nFtIterations)
        .positive("full_ft_max_steps_per_iteration", fullFtMaxStepsPerIteration)
        .positive("sparse_ft_max_steps_per_iteration", sparseFtMaxStepsPerIteration)
        .notNegative("full_l1_reg", fullL1Reg)
        .notNegative("sparse_l1_reg", sparseL1Reg);
    entries = Configs.inOrder(entries);
  }

  /** One per cent of the parameters, one iteration, half of the steps for each phase. */
  public static LtSftConfig defaults() {
    return Configs.withDefaults(LtSftConfig.class);
  }

  /**
   * A schedule whose rate falls linearly to 0 in each phase, as each is a training of its own in
   * composable-sft. For {@code FineTuner.schedule}.
   *
   * @param peak the rate at the start of a phase, 0 or more
   */
  public LongFunction<LearningRateSchedule> linear(double peak) {
    return total -> {
      Phases phases = Phases.of(this, total);
      return step -> peak * phases.left(step);
    };
  }
}
