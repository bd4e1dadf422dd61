package io.github.peft4j.examples;

import io.github.peft4j.PeftConfig;
import io.github.peft4j.PeftModel;
import io.github.peft4j.methods.bitfit.BitFitConfig;
import io.github.peft4j.methods.full.FullConfig;
import io.github.peft4j.methods.ia3.Ia3Config;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.LearningRateSchedule;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;

/**
 * A method with settings that do well on a BERT classifier, and a training with them.
 *
 * @param config of the method
 * @param learningRate the highest
 */
record Recipe(PeftConfig config, double learningRate) {

  private static final String[] HEAD = {"pooler", "classifier"};

  /** By the names that {@code --method} takes. */
  private static final Map<String, Supplier<Recipe>> RECIPES =
      new TreeMap<>(
          Map.of(
              "head", () -> new Recipe(full().targeting("pooler.dense", "classifier"), 1e-3),
              "full", () -> new Recipe(full(), 5e-5),
              "bitfit", () -> new Recipe(BitFitConfig.defaults().saving(HEAD), 1e-3),
              "ia3", () -> new Recipe(ia3(), 5e-3),
              "lora", () -> new Recipe(lora().targeting("query", "value"), 1e-3),
              "lora-all",
                  () ->
                      new Recipe(
                          lora().targetingAllLinear().excluding("pooler.dense", "classifier"),
                          1e-3)));

  private static FullConfig full() {
    return FullConfig.defaults();
  }

  private static Ia3Config ia3() {
    return Ia3Config.defaults()
        .targeting("key", "value", "output.dense")
        .feedForward("output.dense")
        .saving(HEAD);
  }

  private static LoraConfig lora() {
    return LoraConfig.ofRank(8).alpha(16).dropout(0.1).saving(HEAD);
  }

  /**
   * The recipe of a method.
   *
   * @throws IllegalArgumentException naming those there are
   */
  static Recipe of(String method) {
    Supplier<Recipe> recipe = RECIPES.get(method);
    if (recipe == null) {
      throw new IllegalArgumentException(
          "no recipe for method '" + method + "'; there are " + RECIPES.keySet());
    }
    return recipe.get();
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
    return step -> learningRate * Math.min((step + 1) / warmup, (steps - step) / (steps - warmup));
  }
}
