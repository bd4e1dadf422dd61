package io.github.peft4j.methods.fourierft;

import io.github.peft4j.config.ConfigCheck;
import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.LinearConfig;
import io.github.peft4j.methods.common.linear.ModuleTargets;
import io.github.peft4j.methods.common.linear.NamePatterns;
import io.github.peft4j.tuner.injection.Bias;
import io.github.peft4j.withers.Withers;
import java.util.Map;

/**
 * Settings of FourierFT, with the names and defaults of Hugging Face PEFT's FourierFTConfig.
 *
 * @param nFrequency number of trainable frequencies in each module, above 0; 1000
 * @param scaling the scale s of the update; 150
 * @param randomLocSeed seed of the choice of frequencies. The choice itself is not saved; 777
 * @param targets the modules that get an adapter
 * @param bias which biases of the model are also trained: {@code none}, {@code all}, or those of
 *     the adapted modules; {@code none}
 * @param initWeights true to start the coefficients at 0, without an effect; false to draw them
 *     from a normal distribution, as PEFT does by default
 * @param nFrequencyPattern numbers of frequencies of single modules, by regular expression over
 *     name endings
 * @param fanInFanOut whether PEFT finds the weights stored as (in, out), as in GPT-2's Conv1D.
 *     peft4j reads the layout from the model
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
            .notZero("scaling", scaling)
            .patterns("n_frequency_pattern", nFrequencyPattern);
    nFrequencyPattern = Configs.inOrder(nFrequencyPattern);
    nFrequencyPattern.forEach((name, n) -> check.positive("n_frequency_pattern." + name, n));
  }

  /** PEFT's default for each field of {@code adapter_config.json}. */
  public static FourierFtConfig defaults() {
    return Configs.withDefaults(FourierFtConfig.class);
  }

  /** PEFT's defaults with this many frequencies. */
  public static FourierFtConfig ofFrequencies(int n) {
    return defaults().nFrequency(n);
  }

  /** The number of frequencies of a module. */
  int frequenciesOf(String module) {
    return NamePatterns.afterDot(nFrequencyPattern, module, nFrequency);
  }
}
