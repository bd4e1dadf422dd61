package io.github.peft4j.methods.lora;

import io.github.peft4j.config.ConfigCheck;
import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.LinearConfig;
import io.github.peft4j.methods.common.linear.ModuleTargets;
import io.github.peft4j.methods.common.linear.Ranks;
import io.github.peft4j.methods.lora.init.EvaConfig;
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
 * Settings of LoRA, with the names and defaults of Hugging Face PEFT's LoraConfig.
 *
 * @param r the rank, above 0; 8
 * @param loraAlpha α, the scale's numerator: the update is scaled by α/r. Finite; 8
 * @param loraDropout probability of an input element to be dropped before A, in [0, 1); 0
 * @param targets which modules
 * @param bias which biases of the model are also trained: {@code none}, {@code all}, or {@code
 *     lora_only} for those of the changed modules; {@code none}
 * @param useRslora whether the scale is α/√r (Kalajdzievski 2023, arXiv:2312.03732) and not α/r;
 *     false
 * @param initLoraWeights how A and B start; {@code DEFAULT}
 * @param rankPattern ranks of some modules, by regular expression over name endings; of several
 *     that fit, the first counts; empty
 * @param alphaPattern alphas of some modules, in the same way; empty
 * @param useDora whether magnitude and direction of the weights are trained apart (DoRA, Liu et al.
 *     2024, arXiv:2402.09353); false
 * @param loraBias whether B has a bias, which is merged into a module's own; not with DoRA; false
 * @param fanInFanOut what PEFT is told about transposed weights; read off the model here
 * @param evaConfig settings of EVA, or null; with EVA, null stands for its defaults
 * @param trainableTokenIndices tokens whose vectors are also trained, such as those of new words,
 *     or null
 * @param targetParameters tensors that are changed in place of modules, by the last parts of their
 *     names, such as {@code q_proj.weight}, or null
 * @param ensureWeightTying whether a token table and an output that shares it are changed alike if
 *     either is meant; false
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
  }

  /** Every field as the method's {@code adapter_config.json} has it. */
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
