package io.github.peft4j.methods.childtuning;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.methods.fisher.FisherConfig;
import io.github.peft4j.methods.fisher.GradType;
import io.github.peft4j.methods.fisher.SampleType;
import io.github.peft4j.withers.Withers;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Settings of Child-Tuning (Xu et al. 2021, arXiv:2109.05687), with the names of the authors' code
 * and PEFT's names for modules.
 *
 * @param mode which gradients count
 * @param reserveP p, the part of the parameters whose gradients count, in (0, 1]; 0.3
 * @param seed of the masks of mode F; 42
 * @param numSamples the most examples that mode D computes the Fisher information from, above 0;
 *     null for all
 * @param sampleType which labels mode D computes it with
 * @param targetModules the modules whose tensors are masked; null for all
 * @param excludeModules modules to leave out of those, or null for none
 * @param modulesToSave modules that are fully trained, or null for none
 * @param entries internal: the number of trained entries by tensor; empty until they are chosen
 */
@Withers
public record ChildTuningConfig(
    ChildTuningMode mode,
    double reserveP,
    int seed,
    @Nullable Integer numSamples,
    SampleType sampleType,
    @Nullable TargetModules targetModules,
    @Nullable TargetModules excludeModules,
    @Nullable List<String> modulesToSave,
    Map<String, Integer> entries)
    implements FisherConfig<ChildTuningConfig>, ChildTuningConfigWithers {

  /** Checks the values. */
  public ChildTuningConfig {
    Configs.check(ChildTuningConfig.class)
        .that(reserveP > 0 && reserveP <= 1, "reserve_p", reserveP, "a part in (0, 1]")
        .positive("num_samples", numSamples);
    entries = Configs.inOrder(entries);
  }

  /** Mode F, which needs no examples before training. */
  public static ChildTuningConfig free() {
    return Configs.withDefaults(ChildTuningConfig.class);
  }

  /** Mode D: make the adapter with {@code Fisher.of(config).adapt(model, examples)}. */
  public static ChildTuningConfig driven() {
    return free().mode(ChildTuningMode.DRIVEN);
  }

  @Override
  public boolean needsExamples() {
    return mode == ChildTuningMode.DRIVEN && sampleType != SampleType.RANDOM && entries.isEmpty();
  }

  @Override
  public GradType gradType() {
    return GradType.SQUARE;
  }

  @Override
  public @Nullable Integer mostExamples() {
    return numSamples;
  }

  @Override
  public ChildTuningConfig random() {
    return sampleType(SampleType.RANDOM);
  }

  @Override
  public String partField() {
    return "reserve_p";
  }

  @Override
  public double part() {
    return reserveP;
  }
}
