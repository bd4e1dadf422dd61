package io.github.peft4j.examples;

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

  /** What is trained along with an adapter. */
  private static final String[] TRAINED = {"pooler", "classifier"};

  private static final String[] ATTENTION = {"query", "value"};

  /** [CLS], [SEP], full stop, comma and question mark of BERT's vocabulary. */
  private static final int[] MARKS = {101, 102, 1012, 1010, 1029};

  /** By the names that {@code --method} takes; a config may depend on the number of steps. */
  private static final Map<String, LongFunction<Recipe>> RECIPES = new LinkedHashMap<>();

  static {
    add("head", 1e-3, FullConfig.defaults().targetModules(HEAD));
    add("full", 5e-5, FullConfig.defaults());
    add("bitfit", 1e-3, BitFitConfig.defaults().modulesToSave(TRAINED));
    add("ln-tuning", 1e-3, LnTuningConfig.defaults().modulesToSave(TRAINED));
    add("lora", 1e-3, lora().targetModules(ATTENTION).modulesToSave(TRAINED));
    add(
        "lora-all",
        1e-3,
        lora().targetModules("all-linear").excludeModules(HEAD).modulesToSave(TRAINED));
    add("dora", 1e-3, lora().targetModules(ATTENTION).useDora(true).modulesToSave(TRAINED));
    RECIPES.put("adalora", steps -> new Recipe(adaLora(steps).modulesToSave(TRAINED), 2e-3));
    add("ia3", 5e-3, ia3().modulesToSave(TRAINED));
    add("prefix", 5e-3, PrefixTuningConfig.ofVirtualTokens(20).modulesToSave(TRAINED));
    add("prompt", 5e-3, PromptTuningConfig.ofVirtualTokens(20).modulesToSave(TRAINED));
    add(
        "p-tuning",
        2e-3,
        PTuningConfig.ofVirtualTokens(20).encoderHiddenSize(128).modulesToSave(TRAINED));
    add("pfeiffer", 1e-3, BottleneckConfig.pfeiffer().modulesToSave(TRAINED));
    add("houlsby", 1e-3, BottleneckConfig.houlsby().modulesToSave(TRAINED));
    add("parallel", 1e-3, BottleneckConfig.parallel().modulesToSave(TRAINED));
    add("scaled-parallel", 1e-3, BottleneckConfig.scaledParallel().modulesToSave(TRAINED));
    add("vera", 5e-3, VeraConfig.ofRank(256).targetModules(ATTENTION).modulesToSave(TRAINED));
    add("loha", 1e-3, LohaConfig.ofRank(8).targetModules(ATTENTION).modulesToSave(TRAINED));
    add("lokr", 1e-3, LokrConfig.ofRank(8).targetModules(ATTENTION).modulesToSave(TRAINED));
    add("oft", 1e-3, OftConfig.ofBlockSize(32).targetModules(ATTENTION).modulesToSave(TRAINED));
    add("boft", 1e-3, BoftConfig.ofBlockSize(4).targetModules(ATTENTION).modulesToSave(TRAINED));
    add("hra", 1e-3, HraConfig.ofRank(8).targetModules(ATTENTION).modulesToSave(TRAINED));
    add("miss", 1e-3, MissConfig.ofRank(16).targetModules(ATTENTION).modulesToSave(TRAINED));
    add(
        "fourierft",
        1e-2,
        FourierFtConfig.ofFrequencies(1000).targetModules(ATTENTION).modulesToSave(TRAINED));
    add("shira", 1e-3, ShiraConfig.ofRank(8).targetModules(ATTENTION).modulesToSave(TRAINED));
    RECIPES.put("tokens", steps -> new Recipe(TrainableTokensConfig.of(MARKS), 1e-3));
    RECIPES.put("adaption-prompt", steps -> new Recipe(AdaptionPromptConfig.of(10, 4), 5e-3));
  }

  private static void add(String method, double learningRate, PeftConfig config) {
    RECIPES.put(method, steps -> new Recipe(config, learningRate));
  }

  private static LoraConfig lora() {
    return LoraConfig.ofRank(8).loraAlpha(16).loraDropout(0.1);
  }

  private static Ia3Config ia3() {
    return Ia3Config.defaults()
        .targetModules("key", "value", "output.dense")
        .feedforwardModules("output.dense");
  }

  /** Prunes from step 100 until 200 before the end; a short run, in proportion. */
  private static AdaLoraConfig adaLora(long steps) {
    int before = steps > 350 ? 100 : (int) (steps / 8);
    return AdaLoraConfig.ofRanks(12, 8)
        .loraAlpha(16)
        .tinit(before)
        .tfinal(2 * before)
        .targetModules(ATTENTION);
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
