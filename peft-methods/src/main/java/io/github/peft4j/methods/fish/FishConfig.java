package io.github.peft4j.methods.fish;

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
 * Settings of FISH mask (Sung et al. 2021, arXiv:2111.09839), with the names of the authors' code
 * and PEFT's names for modules.
 *
 * @param keepRatio the trained part of all parameters, modules that are trained whole included, in
 *     (0, 1]; 0.005
 * @param numSamples the number of examples that the Fisher information is computed from, above 0;
 *     1024. If there are fewer, all count
 * @param sampleType which labels it is computed with
 * @param gradType what of an example's gradient is summed
 * @param targetModules the modules whose tensors may be chosen; null for all
 * @param excludeModules modules to leave out of those, or null for none
 * @param modulesToSave modules that are fully trained and saved with the adapter, or null for none
 * @param entries internal: the number of trained entries by tensor; empty until they are chosen
 */
@Withers
public record FishConfig(
    double keepRatio,
    int numSamples,
    SampleType sampleType,
    GradType gradType,
    @Nullable TargetModules targetModules,
    @Nullable TargetModules excludeModules,
    @Nullable List<String> modulesToSave,
    Map<String, Integer> entries)
    implements FisherConfig<FishConfig>, FishConfigWithers {

  /** Checks the values. */
  public FishConfig {
    Configs.check(FishConfig.class)
        .that(keepRatio > 0 && keepRatio <= 1, "keep_ratio", keepRatio, "a part in (0, 1]")
        .that(numSamples > 0, "num_samples", numSamples, "a number above 0");
    entries = Configs.inOrder(entries);
  }

  /** The settings of the paper: half a per cent of the parameters, 1,024 examples. */
  public static FishConfig defaults() {
    return Configs.withDefaults(FishConfig.class);
  }

  /** The paper's settings with this part of the parameters. */
  public static FishConfig ofRatio(double keepRatio) {
    return defaults().keepRatio(keepRatio);
  }

  @Override
  public Integer mostExamples() {
    return numSamples;
  }

  @Override
  public FishConfig random() {
    return sampleType(SampleType.RANDOM);
  }

  @Override
  public String partField() {
    return "keep_ratio";
  }

  @Override
  public double part() {
    return keepRatio;
  }
}
