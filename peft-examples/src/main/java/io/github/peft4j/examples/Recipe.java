package io.github.peft4j.examples;

import io.github.peft4j.Configs;
import io.github.peft4j.PeftConfig;
import io.github.peft4j.PeftModel;
import io.github.peft4j.methods.adalora.AdaLoraConfig;
import io.github.peft4j.methods.adaptionprompt.AdaptionPromptConfig;
import io.github.peft4j.methods.bitfit.BitFitConfig;
import io.github.peft4j.methods.boft.BoftConfig;
import io.github.peft4j.methods.bottleneck.BottleneckConfig;
import io.github.peft4j.methods.fourierft.FourierFtConfig;
import io.github.peft4j.methods.full.FullConfig;
import io.github.peft4j.methods.hra.HraConfig;
import io.github.peft4j.methods.ia3.Ia3Config;
import io.github.peft4j.methods.lntuning.LnTuningConfig;
import io.github.peft4j.methods.loha.LohaConfig;
import io.github.peft4j.methods.lokr.LokrConfig;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.miss.MissConfig;
import io.github.peft4j.methods.oft.OftConfig;
import io.github.peft4j.methods.prefixtuning.PrefixTuningConfig;
import io.github.peft4j.methods.prompttuning.PromptTuningConfig;
import io.github.peft4j.methods.ptuning.PTuningConfig;
import io.github.peft4j.methods.shira.ShiraConfig;
import io.github.peft4j.methods.tokens.TrainableTokensConfig;
import io.github.peft4j.methods.vera.VeraConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.LearningRateSchedule;
import io.github.peft4j.transformer.TransformerModel;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;

/**
 * A method with settings that do well on a BERT classifier, and a training with them. The modules
 * are those of the model at hand ({@link ModelModules}). Its pooler and classifier are trained
 * along with every method that can name further modules.
 *
 * @param config of the method
 * @param learningRate the highest
 */
record Recipe(PeftConfig config, double learningRate) {

  /** [CLS], [SEP], full stop, comma and question mark of BERT's vocabulary. */
  private static final int[] MARKS = {101, 102, 1012, 1010, 1029};

  /** The recipe of a method for the modules of a model and a number of steps. */
  private interface Maker {
    Recipe make(ModelModules modules, long steps);
  }

  /** By the names that {@code --method} takes. */
  private static final Map<String, Maker> RECIPES = new LinkedHashMap<>();

  static {
    RECIPES.put("head", (m, steps) -> new Recipe(targeting(FullConfig.defaults(), m.head()), 1e-3));
    RECIPES.put("full", (m, steps) -> new Recipe(FullConfig.defaults(), 5e-5));
    add("bitfit", 1e-3, m -> BitFitConfig.defaults());
    add("ln-tuning", 1e-3, m -> LnTuningConfig.defaults());
    add("lora", 1e-3, m -> lora().targeting(attention(m)));
    add(
        "lora-all",
        1e-3,
        m -> lora().targetingAllLinear().excluding(m.head().toArray(String[]::new)));
    add("dora", 1e-3, m -> lora().targeting(attention(m)).dora());
    RECIPES.put(
        "adalora",
        (m, steps) -> new Recipe(withHead(adaLora(steps).targeting(attention(m)), m), 2e-3));
    add("ia3", 5e-3, Recipe::ia3);
    add("prefix", 5e-3, m -> PrefixTuningConfig.ofTokens(20));
    add("prompt", 5e-3, m -> PromptTuningConfig.ofTokens(20));
    add("p-tuning", 2e-3, m -> PTuningConfig.ofTokens(20).hiddenSize(128));
    add("pfeiffer", 1e-3, m -> BottleneckConfig.pfeiffer());
    add("houlsby", 1e-3, m -> BottleneckConfig.houlsby());
    add("parallel", 1e-3, m -> BottleneckConfig.parallel());
    add("scaled-parallel", 1e-3, m -> BottleneckConfig.scaledParallel());
    add("vera", 5e-3, m -> VeraConfig.ofRank(256).targeting(attention(m)));
    add("loha", 1e-3, m -> LohaConfig.ofRank(8).targeting(attention(m)));
    add("lokr", 1e-3, m -> LokrConfig.ofRank(8).targeting(attention(m)));
    add("oft", 1e-3, m -> OftConfig.ofBlockSize(32).targeting(attention(m)));
    add("boft", 1e-3, m -> BoftConfig.ofBlockSize(4).targeting(attention(m)));
    add("hra", 1e-3, m -> HraConfig.ofRank(8).targeting(attention(m)));
    add("miss", 1e-3, m -> MissConfig.ofRank(16).targeting(attention(m)));
    add("fourierft", 1e-2, m -> FourierFtConfig.ofFrequencies(1000).targeting(attention(m)));
    add("shira", 1e-3, m -> ShiraConfig.ofRank(8).targeting(attention(m)));
    RECIPES.put("tokens", (m, steps) -> new Recipe(TrainableTokensConfig.of(MARKS), 1e-3));
    RECIPES.put("adaption-prompt", (m, steps) -> new Recipe(AdaptionPromptConfig.of(10, 4), 5e-3));
  }

  /** A method that trains the head along. */
  private static void add(
      String method, double learningRate, Function<ModelModules, PeftConfig> config) {
    RECIPES.put(
        method,
        (modules, steps) -> new Recipe(withHead(config.apply(modules), modules), learningRate));
  }

  private static <C extends PeftConfig> C withHead(C config, ModelModules modules) {
    return modules.saved().isEmpty()
        ? config
        : Configs.with(config, "modulesToSave", modules.saved());
  }

  private static FullConfig targeting(FullConfig config, List<String> modules) {
    return config.targeting(modules.toArray(String[]::new));
  }

  private static String[] attention(ModelModules modules) {
    return modules.attention().toArray(String[]::new);
  }

  private static LoraConfig lora() {
    return LoraConfig.ofRank(8).alpha(16).dropout(0.1);
  }

  private static Ia3Config ia3(ModelModules modules) {
    return Ia3Config.defaults()
        .targeting(modules.scaled().toArray(String[]::new))
        .feedForward(modules.feedForward().toArray(String[]::new));
  }

  /** Prunes from step 100 until 200 before the end; a short run, in proportion. */
  private static AdaLoraConfig adaLora(long steps) {
    int before = steps > 350 ? 100 : (int) (steps / 8);
    return AdaLoraConfig.ofRanks(12, 8).alpha(16).warmup(before, 2 * before);
  }

  /** The names of all recipes. */
  static List<String> names() {
    return List.copyOf(RECIPES.keySet());
  }

  /**
   * The recipe of a method for a model.
   *
   * @param model whose modules the method changes
   * @param steps how many steps it is to be trained
   * @throws IllegalArgumentException naming those there are
   */
  static Recipe of(String method, TransformerModel model, long steps) {
    requireKnown(method);
    return Objects.requireNonNull(RECIPES.get(method)).make(ModelModules.of(model), steps);
  }

  /**
   * Refuses a method without a recipe.
   *
   * @throws IllegalArgumentException naming those there are
   */
  static void requireKnown(String method) {
    if (!RECIPES.containsKey(method)) {
      throw new IllegalArgumentException(
          "no recipe for method '" + method + "'; there are " + RECIPES.keySet());
    }
  }

  /** The same with another learning rate. */
  Recipe withLearningRate(double rate) {
    return new Recipe(config, rate);
  }

  /** A training of the model's active adapter, whose data is still to be given. */
  FineTuner training(PeftModel model) {
    return FineTuner.of(model)
        .batchSize(32)
        .learningRate(learningRate)
        .schedule(this::schedule)
        .weightDecay(0.01)
        .clip(1.0);
  }

  /** Rises from the first step on over 6 % of all steps, and falls to 0. */
  private LearningRateSchedule schedule(long steps) {
    double warmup = 0.06 * steps;
    return step ->
        learningRate
            * Math.min(1, Math.min((step + 1) / warmup, (steps - step) / (steps - warmup)));
  }
}
