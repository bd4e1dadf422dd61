package io.github.peft4j.methods.spiel;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.methods.common.sparse.SparseConfig;
import io.github.peft4j.withers.Withers;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Settings of SpIEL (Ansell et al. 2024, arXiv:2401.16405), with the names and defaults of the
 * authors' code.
 *
 * @param density the trained part of the model's parameters, in (0, 1]; 0.01
 * @param numTunableWeights the number of trained entries, above 0; null for what density says
 * @param selectionAlgorithm by what entries are grown
 * @param reselectionSteps the number of steps from one reselection to the next, above {@code
 *     selectionAccumulationSteps}; 20
 * @param selectionAccumulationSteps the step of the first reselection, above 0; 5. From the start,
 *     and then from the last step before each round of {@code reselectionSteps}, candidates
 *     accumulate gradients until this step of the round
 * @param reselectionRatePolicy how the part of the entries that are exchanged falls
 * @param initialReselectionRate that part at the start, in [0, 1]; 0.2
 * @param seed of the entries at the start; 42
 * @param targetModules the linear modules with trained entries; null for all but the head
 * @param excludeModules modules to leave out of those, or null for none
 * @param modulesToSave modules that are fully trained and saved with the adapter, or null for none
 * @param entries internal: the number of trained entries by tensor; empty until they are chosen
 */
@Withers
public record SpielConfig(
    double density,
    @Nullable Integer numTunableWeights,
    SelectionAlgorithm selectionAlgorithm,
    int reselectionSteps,
    int selectionAccumulationSteps,
    RatePolicy reselectionRatePolicy,
    double initialReselectionRate,
    int seed,
    @Nullable TargetModules targetModules,
    @Nullable TargetModules excludeModules,
    @Nullable List<String> modulesToSave,
    Map<String, Integer> entries)
    implements SparseConfig<SpielConfig>, SpielConfigWithers {

  /** Checks the values. */
  public SpielConfig {
    Configs.check(SpielConfig.class)
        .that(density > 0 && density <= 1, "density", density, "a part in (0, 1]")
        .positive("num_tunable_weights", numTunableWeights)
        .positive("selection_accumulation_steps", selectionAccumulationSteps)
        .that(
            reselectionSteps > selectionAccumulationSteps,
            "reselection_steps",
            reselectionSteps,
            "a number above selection_accumulation_steps, which is " + selectionAccumulationSteps)
        .that(
            initialReselectionRate >= 0 && initialReselectionRate <= 1,
            "initial_reselection_rate",
            initialReselectionRate,
            "a part in [0, 1]");
    entries = Configs.inOrder(entries);
  }

  /** SpIEL-AG with the authors' settings. */
  public static SpielConfig ag() {
    return Configs.withDefaults(SpielConfig.class);
  }

  /** SpIEL-MA with the authors' settings. */
  public static SpielConfig ma() {
    return ag().selectionAlgorithm(SelectionAlgorithm.MOMENT_APPROXIMATION);
  }

  /** Whether entries are exchanged after a step, counted from 1. */
  boolean reselects(int step) {
    return step % reselectionSteps == selectionAccumulationSteps;
  }

  /** Whether candidates accumulate the gradients of a step, counted from 1. */
  boolean accumulates(int step) {
    return selectionAlgorithm == SelectionAlgorithm.ACCUMULATED_GRADIENTS
        && step % reselectionSteps <= selectionAccumulationSteps;
  }

  /** The number of k entries to exchange after a step. */
  int exchanged(int k, int step, int total) {
    boolean first = step == selectionAccumulationSteps;
    return (int) (k * reselectionRatePolicy.rate(initialReselectionRate, step, total, first));
  }
}
