package io.github.peft4j.methods.diffpruning;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.methods.common.sparse.SparseConfig;
import io.github.peft4j.withers.Withers;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Settings of diff pruning (Guo et al. 2021, arXiv:2012.07463), with the names and defaults of the
 * authors' code and PEFT's names for modules.
 *
 * @param sparsityPen λ, the penalty of an open gate in the loss, 0 or more; 1.25e-7
 * @param concreteLower l, the lower limit to which gates are stretched, below 0; -1.5
 * @param concreteUpper r, the upper limit, above 1; 1.5
 * @param alphaInit α at the start; 5, with which gates are open
 * @param alphaLearningRate the constant learning rate of α, above 0; 0.1
 * @param perParamsAlpha whether each tensor has a gate too (structured diff pruning); true
 * @param targetSparsity the part of the targets' parameters that differ at the end, in (0, 1];
 *     0.005
 * @param pruningSteps steps with gates, before the cut, above 0; null for half of the training
 * @param seed of the gates that are drawn at each step; 42
 * @param targetModules the modules whose tensors change; null for all
 * @param excludeModules modules that stay frozen, or null for none
 * @param modulesToSave modules that are fully trained and saved with the adapter, or null for none
 * @param entries internal: the number of trained entries by tensor; empty until they are chosen
 */
@Withers
public record DiffPruningConfig(
    double sparsityPen,
    double concreteLower,
    double concreteUpper,
    double alphaInit,
    double alphaLearningRate,
    boolean perParamsAlpha,
    double targetSparsity,
    @Nullable Integer pruningSteps,
    int seed,
    @Nullable TargetModules targetModules,
    @Nullable TargetModules excludeModules,
    @Nullable List<String> modulesToSave,
    Map<String, Integer> entries)
    implements SparseConfig<DiffPruningConfig>, DiffPruningConfigWithers {

  /** Checks the values. */
  public DiffPruningConfig {
    Configs.check(DiffPruningConfig.class)
        .notNegative("sparsity_pen", sparsityPen)
        .that(concreteLower < 0, "concrete_lower", concreteLower, "a limit below 0")
        .that(concreteUpper > 1, "concrete_upper", concreteUpper, "a limit above 1")
        .finite("concrete_lower", concreteLower)
        .finite("concrete_upper", concreteUpper)
        .finite("alpha_init", alphaInit)
        .positive("alpha_learning_rate", alphaLearningRate)
        .that(
            targetSparsity > 0 && targetSparsity <= 1,
            "target_sparsity",
            targetSparsity,
            "a part in (0, 1]")
        .positive("pruning_steps", pruningSteps);
    entries = Configs.inOrder(entries);
  }

  /** Structured diff pruning to half a per cent of the parameters. */
  public static DiffPruningConfig defaults() {
    return Configs.withDefaults(DiffPruningConfig.class);
  }

  /** The number of steps with gates in a training of this many steps. */
  int gatedSteps(int total) {
    int steps = pruningSteps != null ? pruningSteps : total / 2;
    Configs.require(
        steps >= 1 && steps < total,
        DiffPruningConfig.class,
        "pruning_steps",
        pruningSteps,
        "at least a step with gates and one after the cut, in a training of " + total + " steps");
    return steps;
  }
}
