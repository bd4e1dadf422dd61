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
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongFunction;

/**
 * A method with settings that do well on a BERT classifier, and a training with them. Pooler and
 * classifier are trained along with every method that can name further modules.
 *
 * @param config of the method
 * @param learningRate the highest
 */
record Recipe(PeftConfig config, double learningRate) {

  private static final String[] HEAD = {"pooler.dense", "classifier"};
  private static final String[] ATTENTION = {"query", "value"};

  /** [CLS], [SEP], full stop, comma and question mark of BERT's vocabulary. */
  private static final int[] MARKS = {101, 102, 1012, 1010, 1029};

  /** By the names that {@code --method} takes; a config may depend on the number of steps. */
  private static final Map<String, LongFunction<Recipe>> RECIPES = new LinkedHashMap<>();

  static {
    add("head", 1e-3, FullConfig.defaults().targeting(HEAD));
    add("full", 5e-5, FullConfig.defaults());
    add("bitfit", 1e-3, BitFitConfig.defaults());
    add("ln-tuning", 1e-3, LnTuningConfig.defaults());
    add("lora", 1e-3, lora().targeting(ATTENTION));
    add("lora-all", 1e-3, lora().targetingAllLinear().excluding(HEAD));
    add("dora", 1e-3, lora().targeting(ATTENTION).dora());
    RECIPES.put("adalora", steps -> new Recipe(withHead(adaLora(steps)), 2e-3));
    add("ia3", 5e-3, ia3());
    add("prefix", 5e-3, PrefixTuningConfig.ofTokens(20));
    add("prompt", 5e-3, PromptTuningConfig.ofTokens(20));
    add("p-tuning", 2e-3, PTuningConfig.ofTokens(20).hiddenSize(128));
    add("pfeiffer", 1e-3, BottleneckConfig.pfeiffer());
    add("houlsby", 1e-3, BottleneckConfig.houlsby());
    add("parallel", 1e-3, BottleneckConfig.parallel());
    add("scaled-parallel", 1e-3, BottleneckConfig.scaledParallel());
    add("vera", 5e-3, VeraConfig.ofRank(256).targeting(ATTENTION));
    add("loha", 1e-3, LohaConfig.ofRank(8).targeting(ATTENTION));
    add("lokr", 1e-3, LokrConfig.ofRank(8).targeting(ATTENTION));
    add("oft", 1e-3, OftConfig.ofBlockSize(32).targeting(ATTENTION));
    add("boft", 1e-3, BoftConfig.ofBlockSize(4).targeting(ATTENTION));
    add("hra", 1e-3, HraConfig.ofRank(8).targeting(ATTENTION));
    add("miss", 1e-3, MissConfig.ofRank(16).targeting(ATTENTION));
    add("fourierft", 1e-2, FourierFtConfig.ofFrequencies(1000).targeting(ATTENTION));
    add("shira", 1e-3, ShiraConfig.ofRank(8).targeting(ATTENTION));
    RECIPES.put("tokens", steps -> new Recipe(TrainableTokensConfig.of(MARKS), 1e-3));
    RECIPES.put("adaption-prompt", steps -> new Recipe(AdaptionPromptConfig.of(10, 4), 5e-3));
  }

  private static void add(String method, double learningRate, PeftConfig config) {
    PeftConfig complete = config instanceof FullConfig ? config : withHead(config);
    RECIPES.put(method, steps -> new Recipe(complete, learningRate));
  }

  private static <C extends PeftConfig> C withHead(C config) {
    return Configs.with(config, "modulesToSave", List.of("pooler", "classifier"));
  }

  private static LoraConfig lora() {
    return LoraConfig.ofRank(8).alpha(16).dropout(0.1);
  }

  private static Ia3Config ia3() {
    return Ia3Config.defaults()
        .targeting("key", "value", "output.dense")
        .feedForward("output.dense");
  }

  /** Prunes from step 100 until 200 before the end; a short run, in proportion. */
  private static AdaLoraConfig adaLora(long steps) {
    int before = steps > 350 ? 100 : (int) (steps / 8);
    return AdaLoraConfig.ofRanks(12, 8).alpha(16).warmup(before, 2 * before).targeting(ATTENTION);
  }

  /** The names of all recipes. */
  static List<String> names() {
    return List.copyOf(RECIPES.keySet());
  }

  /**
   * The recipe of a method.
   *
   * @param steps how many steps it is to be trained
   * @throws IllegalArgumentException naming those there are
   */
  static Recipe of(String method, long steps) {
    LongFunction<Recipe> recipe = RECIPES.get(method);
    if (recipe == null) {
      throw new IllegalArgumentException(
          "no recipe for method '" + method + "'; there are " + RECIPES.keySet());
    }
    return recipe.apply(steps);
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
