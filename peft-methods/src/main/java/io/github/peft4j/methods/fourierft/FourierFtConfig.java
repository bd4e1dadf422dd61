package io.github.peft4j.methods.fourierft;

import io.github.peft4j.Configs;
import io.github.peft4j.methods.linear.LinearConfig;
import io.github.peft4j.tuner.Bias;
import io.github.peft4j.tuner.TargetModules;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Settings of FourierFT, with the names and defaults of Hugging Face PEFT's FourierFTConfig.
 *
 * @param nFrequency how many frequencies are trained in each module, above 0; 1000
 * @param scaling the scale s; 150
 * @param randomLocSeed seed of the choice of frequencies, which is not saved; 777
 * @param targetModules which modules; null for queries and values
 * @param excludeModules which of those not, or null
 * @param bias which biases of the model are trained besides; {@code none}
 * @param modulesToSave modules trained whole and saved with the adapter, or null
 * @param initWeights whether coefficients start as 0, without an effect, or normal, as PEFT has it
 * @param layersToTransform indices of the layers that are meant, or null for all
 * @param layersPattern name parts before a layer's index, or null for any
 * @param nFrequencyPattern numbers of frequencies of some modules, by regular expression over name
 *     endings
 * @param fanInFanOut what PEFT is told about transposed weights; read off the model here
 */
public record FourierFtConfig(
    int nFrequency,
    double scaling,
    int randomLocSeed,
    @Nullable TargetModules targetModules,
    @Nullable TargetModules excludeModules,
    Bias bias,
    @Nullable List<String> modulesToSave,
    boolean initWeights,
    @Nullable List<Integer> layersToTransform,
    @Nullable List<String> layersPattern,
    Map<String, Integer> nFrequencyPattern,
    boolean fanInFanOut)
    implements LinearConfig {

  /** Checks the values. */
  public FourierFtConfig {
    require(nFrequency > 0, "n_frequency", nFrequency, "a number above 0");
    nFrequencyPattern.forEach(
        (name, n) -> require(n > 0, "n_frequency_pattern." + name, n, "a number above 0"));
  }

  private static void require(boolean fine, String field, @Nullable Object value, String expected) {
    Configs.require(fine, FourierFtConfig.class, field, value, expected);
  }

  /** PEFT's defaults with so many frequencies. */
  public static FourierFtConfig ofFrequencies(int n) {
    return Configs.with(Configs.withDefaults(FourierFtConfig.class), "nFrequency", n);
  }

  /** With these biases of the model trained besides; {@code fourier_only} for the modules' own. */
  public FourierFtConfig bias(String biases) {
    return Configs.with(this, "bias", new Bias(biases));
  }

  /** On modules whose names end so. */
  public FourierFtConfig targeting(String... suffixes) {
    return Configs.with(this, "targetModules", TargetModules.of(List.of(suffixes)));
  }

  /** With this scale. */
  public FourierFtConfig scaling(double scaling) {
    return Configs.with(this, "scaling", scaling);
  }

  /** With coefficients that start as 0, without an effect. */
  public FourierFtConfig startingAtZero() {
    return Configs.with(this, "initWeights", true);
  }

  /** How many frequencies a module has; PEFT wants its whole name, or a dot before what matches. */
  int frequenciesOf(String module) {
    return nFrequencyPattern.entrySet().stream()
        .filter(entry -> module.matches(".*\\.(" + entry.getKey() + ")"))
        .findFirst()
        .map(Map.Entry::getValue)
        .orElseGet(() -> nFrequencyPattern.getOrDefault(module, nFrequency));
  }
}
