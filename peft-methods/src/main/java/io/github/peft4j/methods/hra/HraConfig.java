package io.github.peft4j.methods.hra;

import io.github.peft4j.Configs;
import io.github.peft4j.methods.linear.LinearConfig;
import io.github.peft4j.tuner.Bias;
import io.github.peft4j.tuner.TargetModules;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of HRA, with the names and defaults of Hugging Face PEFT's HRAConfig.
 *
 * @param r how many reflections, above 0; best even; 8
 * @param applyGs whether the columns are orthonormalised (Gram-Schmidt), so that the reflections
 *     commute
 * @param targetModules which modules; null for queries and values
 * @param excludeModules which of those not, or null
 * @param bias which biases of the model are trained besides; {@code none}
 * @param modulesToSave modules trained whole and saved with the adapter, or null
 * @param initWeights whether the reflections start in pairs that undo each other, if their number
 *     is even
 * @param layersToTransform indices of the layers that are meant, or null for all
 * @param layersPattern name parts before a layer's index, or null for any
 */
public record HraConfig(
    int r,
    boolean applyGs,
    @Nullable TargetModules targetModules,
    @Nullable TargetModules excludeModules,
    Bias bias,
    @Nullable List<String> modulesToSave,
    boolean initWeights,
    @Nullable List<Integer> layersToTransform,
    @Nullable List<String> layersPattern)
    implements LinearConfig {

  /** Checks the values. */
  public HraConfig {
    require(r > 0, "r", r, "a number above 0");
  }

  private static void require(boolean fine, String field, @Nullable Object value, String expected) {
    Configs.require(fine, HraConfig.class, field, value, expected);
  }

  /** PEFT's defaults with this rank. */
  public static HraConfig ofRank(int r) {
    return Configs.with(Configs.withDefaults(HraConfig.class), "r", r);
  }

  /** With reflections at planes that are orthogonal to each other. */
  public HraConfig orthogonal() {
    return Configs.with(this, "applyGs", true);
  }

  /** With these biases of the model trained besides; {@code hra_only} for the modules' own. */
  public HraConfig bias(String biases) {
    return Configs.with(this, "bias", new Bias(biases));
  }

  /** On modules whose names end so. */
  public HraConfig targeting(String... suffixes) {
    return Configs.with(this, "targetModules", TargetModules.of(List.of(suffixes)));
  }
}
