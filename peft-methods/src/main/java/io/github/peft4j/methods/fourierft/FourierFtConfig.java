package io.github.peft4j.methods.fourierft;

import io.github.peft4j.config.ConfigCheck;
import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.LinearConfig;
import io.github.peft4j.methods.common.linear.ModuleTargets;
import io.github.peft4j.tuner.injection.Bias;
import io.github.peft4j.withers.Withers;
import java.util.Map;

/**
 * Settings of FourierFT, with the names and defaults of Hugging Face PEFT's FourierFTConfig.
 *
 * @param nFrequency how many frequencies are trained in each module, above 0; 1000
 * @param scaling the scale s; 150
 * @param randomLocSeed seed of the choice of frequencies, which is not saved; 777
 * @param targets which modules
 * @param bias which biases of the model are trained besides; {@code none}
 * @param initWeights whether coefficients start as 0, without an effect, or normal, as PEFT has it
 * @param nFrequencyPattern numbers of frequencies of some modules, by regular expression over name
 *     endings
 * @param fanInFanOut what PEFT is told about transposed weights; read off the model here
 */
@Withers
public record FourierFtConfig(
    int nFrequency,
    double scaling,
    int randomLocSeed,
    ModuleTargets targets,
    Bias bias,
    boolean initWeights,
    Map<String, Integer> nFrequencyPattern,
    boolean fanInFanOut)
    implements LinearConfig<FourierFtConfig>, FourierFtConfigWithers {

  /** Checks the values. */
  public FourierFtConfig {
    ConfigCheck check =
        Configs.check(FourierFtConfig.class)
            .positive("n_frequency", nFrequency)
            .finite("scaling", scaling);
    nFrequencyPattern = Configs.inOrder(nFrequencyPattern);
    nFrequencyPattern.forEach((name, n) -> check.positive("n_frequency_pattern." + name, n));
  }

  /** Every field as the method's {@code adapter_config.json} has it. */
  public static FourierFtConfig defaults() {
    return Configs.withDefaults(FourierFtConfig.class);
  }

  /** PEFT's defaults with so many frequencies. */
  public static FourierFtConfig ofFrequencies(int n) {
    return defaults().nFrequency(n);
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
