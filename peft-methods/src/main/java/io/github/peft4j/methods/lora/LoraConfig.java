package io.github.peft4j.methods.lora;

import io.github.peft4j.config.ConfigCheck;
import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.LinearConfig;
import io.github.peft4j.methods.common.linear.ModuleTargets;
import io.github.peft4j.methods.common.linear.Ranks;
import io.github.peft4j.methods.lora.init.CordaConfig;
import io.github.peft4j.methods.lora.init.EvaConfig;
import io.github.peft4j.methods.lora.init.LoftqConfig;
import io.github.peft4j.methods.lora.init.LoraInitialization;
import io.github.peft4j.methods.tokens.TokenIndices;
import io.github.peft4j.tuner.injection.Bias;
import io.github.peft4j.withers.Withers;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Settings of LoRA (Hu et al. 2021, arXiv:2106.09685), with the names and defaults of Hugging Face
 * PEFT's LoraConfig.
 *
 * @param r the rank, above 0; 8
 * @param loraAlpha α, the numerator of the scale: the update is scaled by α/r. Finite; 8
 * @param loraDropout probability that an element of the input is dropped before A, in [0, 1); 0
 * @param targets the modules that get an adapter
 * @param bias which biases of the model are also trained: {@code none}, {@code all}, or {@code
 *     lora_only} for those of the adapted modules; {@code none}
 * @param useRslora whether the scale is α/√r (Kalajdzievski 2023, arXiv:2312.03732) instead of α/r;
 *     false
 * @param initLoraWeights how A and B are initialised; {@code DEFAULT}
 * @param rankPattern ranks of single modules, by regular expression over name endings. The first
 *     pattern that matches counts; empty
 * @param alphaPattern alphas of single modules, by regular expression over name endings. The first
 *     pattern that matches counts; empty
 * @param useDora whether the magnitude and the direction of the weights are trained separately
 *     (DoRA, Liu et al. 2024, arXiv:2402.09353); false
 * @param loraBias whether B has a bias, which merging adds to the module's own. Not with DoRA;
 *     false
 * @param fanInFanOut whether PEFT finds the weights stored as (in, out), as in GPT-2's Conv1D.
 *     peft4j reads the layout from the model
 * @param evaConfig settings of EVA initialisation. Null for EVA's defaults, and for any other
 *     initialisation
 * @param cordaConfig settings of CorDA initialisation. Null for CorDA's defaults, and for any other
 *     initialisation
 * @param loftqConfig settings of LoftQ initialisation, which no other one reads. {@code
 *     LoftqConfig.NONE} for LoftQ's defaults
 * @param trainableTokenIndices tokens whose vectors are also trained, such as those of new words,
 *     or null for none
 * @param targetParameters tensors that are adapted instead of modules, by name ending, such as
 *     {@code q_proj.weight}, or null for none
 * @param ensureWeightTying whether adapting either of a token embedding and an output layer that
 *     shares its weight adapts both; false
 */
@Withers
public record LoraConfig(
    int r,
    double loraAlpha,
    double loraDropout,
    ModuleTargets targets,
    Bias bias,
    boolean useRslora,
    LoraInitialization initLoraWeights,
    Map<String, Integer> rankPattern,
    Map<String, Double> alphaPattern,
    boolean useDora,
    boolean loraBias,
    boolean fanInFanOut,
    @Nullable EvaConfig evaConfig,
    @Nullable CordaConfig cordaConfig,
    LoftqConfig loftqConfig,
    @Nullable TokenIndices trainableTokenIndices,
    @Nullable List<String> targetParameters,
    boolean ensureWeightTying)
    implements LinearConfig<LoraConfig>, LoraConfigWithers {

  /** Checks the values. */
  public LoraConfig {
    ConfigCheck check =
        Configs.check(LoraConfig.class)
            .rank("r", r)
            .finite("lora_alpha", loraAlpha)
            .finite("alpha_pattern", alphaPattern)
            .probability("lora_dropout", loraDropout)
            .that(
                targets.layersPattern() == null || targets.layersToTransform() != null,
                "layers_pattern",
                targets.layersPattern(),
                "to be set together with layers_to_transform only")
            .that(
                !(useDora && initLoraWeights.equals(LoraInitialization.LOFTQ)),
                "use_dora",
                useDora,
                "false, since init_lora_weights is \"loftq\"")
            .that(!(loraBias && useDora), "lora_bias", loraBias, "false, since use_dora is true")
            .ranks("rank_pattern", rankPattern);
    if (targetParameters != null && !targetParameters.isEmpty()) {
      String why = ", since target_parameters are " + targetParameters;
      check
          .that(loraDropout == 0, "lora_dropout", loraDropout, "0" + why)
          .that(!useDora, "use_dora", useDora, "false" + why)
          .that(!loraBias, "lora_bias", loraBias, "false" + why)
          .that(
              List.of(
                      LoraInitialization.DEFAULT,
                      LoraInitialization.GAUSSIAN,
                      LoraInitialization.RANDOM)
                  .contains(initLoraWeights),
              "init_lora_weights",
              initLoraWeights,
              "true, \"gaussian\" or false" + why);
    }
    rankPattern = Configs.inOrder(rankPattern);
    alphaPattern = Configs.inOrder(alphaPattern);
    if (evaConfig == null && initLoraWeights.equals(LoraInitialization.EVA)) {
      evaConfig = EvaConfig.defaults();
    }
    if (loftqConfig.equals(LoftqConfig.NONE) && initLoraWeights.equals(LoraInitialization.LOFTQ)) {
      loftqConfig = LoftqConfig.defaults();
    }
    if (cordaConfig == null && initLoraWeights.equals(LoraInitialization.CORDA)) {
      cordaConfig = CordaConfig.defaults();
    }
  }

  /** PEFT's default for each field of {@code adapter_config.json}. */
  public static LoraConfig defaults() {
    return Configs.withDefaults(LoraConfig.class);
  }

  /** PEFT's defaults with this rank. */
  public static LoraConfig ofRank(int r) {
    return defaults().r(r);
  }

  /** PEFT's defaults with a rank for each module, by name, and the scale 1. */
  static LoraConfig ofRanks(Map<String, Integer> ranks) {
    int most = Collections.max(ranks.values());
    Map<String, Integer> others = new TreeMap<>(ranks);
    others.values().removeIf(rank -> rank == most);
    Map<String, Double> alphas = new TreeMap<>();
    others.forEach((name, rank) -> alphas.put(name, (double) rank));
    return ofRank(most).loraAlpha(most).rankPattern(others).alphaPattern(alphas);
  }

  /** The ranks and scales of the modules. */
  public Ranks ranks() {
    return new Ranks(r, loraAlpha, rankPattern, alphaPattern, useRslora);
  }
}
