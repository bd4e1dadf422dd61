package io.github.peft4j.methods.waveft;

import io.github.peft4j.config.ConfigCheck;
import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.LinearConfig;
import io.github.peft4j.methods.common.linear.ModuleTargets;
import io.github.peft4j.tuner.injection.Bias;
import io.github.peft4j.withers.Withers;
import java.util.Map;

/**
 * Settings of WaveFT (Bilican et al. 2025, arXiv:2505.12532), with the names and defaults of
 * Hugging Face PEFT's WaveFTConfig.
 *
 * @param nFrequency number of trainable coefficients in each module, above 0; 2592
 * @param scaling the scale s of the update; 25
 * @param waveletFamily the family: {@code db1} (Haar) to {@code db10}, {@code sym2} to {@code
 *     sym10}, or {@code coif1} to {@code coif4}; {@code db1}
 * @param useIdwt whether the update is rebuilt from wavelet coefficients; false for a sparse update
 *     whose elements are the coefficients; true
 * @param randomLocSeed seed of the choice of coefficients. The choice itself is not saved; 777
 * @param targets the modules that get an adapter
 * @param bias which biases of the model are also trained: {@code none}, {@code all}, or those of
 *     the adapted modules; {@code none}
 * @param initWeights true to start the coefficients at 0, without an effect; false to draw them
 *     from a normal distribution with deviation 0.01; true
 * @param nFrequencyPattern numbers of coefficients of single modules, by regular expression over
 *     name endings; empty
 * @param proportionalParameters whether modules have coefficients in proportion to their elements,
 *     nFrequency on average, whatever nFrequencyPattern says; false
 * @param fanInFanOut whether PEFT finds the weights stored as (in, out), as in GPT-2's Conv1D.
 *     peft4j reads the layout from the model
 */
@Withers
public record WaveFtConfig(
    int nFrequency,
    double scaling,
    String waveletFamily,
    boolean useIdwt,
    int randomLocSeed,
    ModuleTargets targets,
    Bias bias,
    boolean initWeights,
    Map<String, Integer> nFrequencyPattern,
    boolean proportionalParameters,
    boolean fanInFanOut)
    implements LinearConfig<WaveFtConfig>, WaveFtConfigWithers {

  /** Checks the values. */
  public WaveFtConfig {
    ConfigCheck check =
        Configs.check(WaveFtConfig.class)
            .positive("n_frequency", nFrequency)
            .notZero("scaling", scaling)
            .patterns("n_frequency_pattern", nFrequencyPattern)
            .that(
                !useIdwt || Wavelet.names().contains(waveletFamily),
                "wavelet_family",
                waveletFamily,
                "one of "
                    + Wavelet.names()
                    + ", with which Hugging Face PEFT can rebuild a matrix");
    nFrequencyPattern = Configs.inOrder(nFrequencyPattern);
    nFrequencyPattern.forEach((name, n) -> check.positive("n_frequency_pattern." + name, n));
  }

  /** PEFT's default for each field of {@code adapter_config.json}. */
  public static WaveFtConfig defaults() {
    return Configs.withDefaults(WaveFtConfig.class);
  }

  /** PEFT's defaults with this many coefficients. */
  public static WaveFtConfig ofFrequencies(int n) {
    return defaults().nFrequency(n);
  }
}
