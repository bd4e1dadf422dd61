package io.github.peft4j.methods.lora;

import io.github.peft4j.ConfigCheck;
import io.github.peft4j.Configs;
import io.github.peft4j.methods.common.linear.LinearConfig;
import io.github.peft4j.methods.common.linear.Ranks;
import io.github.peft4j.methods.common.linear.Targets;
import io.github.peft4j.methods.lora.init.EvaConfig;
import io.github.peft4j.methods.lora.init.LoraInitialization;
import io.github.peft4j.methods.tokens.TokenIndices;
import io.github.peft4j.tuner.Bias;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Settings of LoRA, with the names and defaults of Hugging Face PEFT's LoraConfig.
 *
 * @param r the rank, above 0; 8
 * @param loraAlpha the scale's numerator; 8
 * @param loraDropout probability of an input element to be dropped before A, in [0, 1); 0
 * @param targets which modules
 * @param bias which biases are trained besides
 * @param useRslora whether the scale is α/√r (Kalajdzievski 2023, arXiv:2312.03732) and not α/r
 * @param initLoraWeights how A and B start
 * @param rankPattern ranks of some modules, by regular expression over name endings
 * @param alphaPattern alphas of some modules, likewise
 * @param useDora whether magnitude and direction of the weights are trained apart (DoRA, Liu et al.
 *     2024, arXiv:2402.09353)
 * @param loraBias whether B has a bias, which is merged into a module's own; not with DoRA
 * @param fanInFanOut what PEFT is told about transposed weights; read off the model here
 * @param evaConfig settings of EVA, or null; with EVA, null stands for its defaults
 * @param trainableTokenIndices tokens whose vectors are trained besides, or null
 * @param targetParameters tensors that are changed in place of modules, by the last parts of their
 *     names, such as {@code q_proj.weight}, or null
 * @param ensureWeightTying whether a token table and an output that shares it are changed alike if
 *     either is meant
 */
public record LoraConfig(
    int r,
    double loraAlpha,
    double loraDropout,
    Targets targets,
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
    implements LinearConfig<LoraConfig> {

  /** Checks the values. */
  public LoraConfig {
    ConfigCheck check =
        Configs.check(LoraConfig.class)
            .rank("r", r)
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
    if (evaConfig == null && initLoraWeights.equals(LoraInitialization.EVA)) {
      evaConfig = EvaConfig.DEFAULT;
    }
  }

  /** PEFT's defaults with this rank. */
  public static LoraConfig ofRank(int r) {
    return Configs.with(Configs.withDefaults(LoraConfig.class), "r", r);
  }

  /** With this rank. */
  LoraConfig rank(int r) {
    return Configs.with(this, "r", r);
  }

  /** PEFT's defaults with a rank for each module, by name, and the scale 1. */
  static LoraConfig ofRanks(Map<String, Integer> ranks) {
    int most = Collections.max(ranks.values());
    Map<String, Integer> others = new TreeMap<>(ranks);
    others.values().removeIf(rank -> rank == most);
    Map<String, Double> alphas = new TreeMap<>();
    others.forEach((name, rank) -> alphas.put(name, (double) rank));
    LoraConfig sameOrder = Configs.with(ofRank(most).alpha(most), "rankPattern", others);
    return Configs.with(sameOrder, "alphaPattern", alphas);
  }

  /** With this scale numerator α. */
  public LoraConfig alpha(double alpha) {
    return Configs.with(this, "loraAlpha", alpha);
  }

  /** With this dropout before A. */
  public LoraConfig dropout(double probability) {
    return Configs.with(this, "loraDropout", probability);
  }

  /** With these biases of the model trained besides; {@code lora_only} for the modules' own. */
  public LoraConfig bias(String biases) {
    return Configs.with(this, "bias", new Bias(biases));
  }

  /** With the scale α/√r. */
  public LoraConfig rankStabilized() {
    return Configs.with(this, "useRslora", true);
  }

  /** With a bias of B. */
  public LoraConfig biasOfB() {
    return Configs.with(this, "loraBias", true);
  }

  /** With magnitude and direction of the weights trained apart: DoRA. */
  public LoraConfig dora() {
    return Configs.with(this, "useDora", true);
  }

  /** With these modules trained whole; null for none. */
  LoraConfig saving(@Nullable List<String> modules) {
    return Configs.with(this, "modulesToSave", modules);
  }

  /** With A and B starting so. */
  public LoraConfig initialization(LoraInitialization initialization) {
    return Configs.with(this, "initLoraWeights", initialization);
  }

  /** With these settings of EVA. */
  public LoraConfig eva(EvaConfig settings) {
    return Configs.with(this, "evaConfig", settings);
  }

  /** With the vectors of these tokens trained besides, such as those of new words. */
  public LoraConfig trainingTokens(int... tokens) {
    return Configs.with(this, "trainableTokenIndices", TokenIndices.of(tokens));
  }

  /**
   * On tensors whose names end so, such as {@code q_proj.weight}, besides the modules that are
   * meant; where none are, these tensors alone.
   */
  public LoraConfig targetingParameters(String... suffixes) {
    return Configs.with(this, "targetParameters", List.of(suffixes));
  }

  /** With outputs that share the token table changed as the table is, where either is meant. */
  public LoraConfig tyingWeights() {
    return Configs.with(this, "ensureWeightTying", true);
  }

  /** The first pattern that fits a module counts. */
  private static <T> Map<String, T> inOrder(Map<String, T> pattern) {
    return Collections.unmodifiableMap(new LinkedHashMap<>(pattern));
  }

  /** With ranks of their own for some modules: of several patterns that fit, the first counts. */
  public LoraConfig ranks(Map<String, Integer> pattern) {
    return Configs.with(this, "rankPattern", inOrder(pattern));
  }

  /** With alphas of their own for some modules: of several patterns that fit, the first counts. */
  public LoraConfig alphas(Map<String, Double> pattern) {
    return Configs.with(this, "alphaPattern", inOrder(pattern));
  }

  /** The ranks and scales of the modules. */
  public Ranks ranks() {
    return new Ranks(r, loraAlpha, rankPattern, alphaPattern, useRslora);
  }
}
