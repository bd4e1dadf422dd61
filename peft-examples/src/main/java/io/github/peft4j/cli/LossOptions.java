package io.github.peft4j.cli;

import io.github.peft4j.train.FineTuner;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How much the labels of a classifier count. */
final class LossOptions {

  private static final String BALANCED = "balanced";
  private static final String OPTION = "--class-weights";
  private static final DataTask[] CLASSES = {DataTask.CLASSIFY, DataTask.PAIRS, DataTask.TOKENS};

  private static final DataTask[] CROSS_ENTROPIES = {
    DataTask.CHAT,
    DataTask.PROMPTS,
    DataTask.TEXT,
    DataTask.CLASSIFY,
    DataTask.PAIRS,
    DataTask.TOKENS,
    DataTask.QUESTIONS,
    DataTask.MASKED
  };

  @Option(
      names = OPTION,
      paramLabel = "balanced|LABEL=X",
      split = ",",
      mapFallbackValue = Option.NULL_VALUE,
      description =
          "The weight of each label, as in rare=5,frequent=1; or balanced, for weights that are"
              + " the higher the rarer a label is.")
  @Nullable Map<String, Optional<Double>> classWeights;

  @Option(
      names = "--label-smoothing",
      paramLabel = "X",
      description = "How much of each label is spread over all classes; 0 by default.")
  @Nullable Double labelSmoothing;

  /** Options that do nothing for a task. */
  void check(DataTask task) {
    Mistakes.isFor(OPTION, classWeights != null, task, CLASSES);
    Mistakes.isFor("--label-smoothing", labelSmoothing != null, task, CROSS_ENTROPIES);
  }

  void configure(FineTuner tuner) {
    Mistakes.set("--label-smoothing", labelSmoothing, tuner::labelSmoothing);
    if (classWeights == null) {
      return;
    }
    if (classWeights.equals(Map.of(BALANCED, Optional.empty()))) {
      tuner.balancedClassWeights();
      return;
    }
    Map<String, Double> weights = new LinkedHashMap<>();
    classWeights.forEach(
        (label, weight) ->
            weights.put(
                label,
                weight.orElseThrow(
                    () ->
                        new IllegalArgumentException(
                            "%s: '%s' has no weight, expected LABEL=X for each label, or %s alone"
                                .formatted(OPTION, label, BALANCED)))));
    Mistakes.at(OPTION, () -> tuner.classWeights(weights));
  }
}
