package io.github.peft4j.cli;

import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Example;
import io.github.peft4j.train.FineTuner;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** What a training is measured with, and what follows from it. */
final class ValidationOptions {

  /** A name and a file. A path has a separator or a dot before the sign. */
  private static final Pattern NAMED = Pattern.compile("([\\w-]+)=(.+)");

  @Option(
      names = "--validation",
      paramLabel = "[NAME=]FILE",
      description =
          "Examples to measure with after each epoch; several times for several files, and with"
              + " names for several sets.")
  @Nullable List<String> validation;

  @Option(
      names = "--hold-out",
      paramLabel = "X",
      description = "The part of --data to measure with and not to train on, from 0 to 1.")
  @Nullable Double holdOut;

  @Option(
      names = "--evaluation-batch-size",
      paramLabel = "N",
      description = "Examples of a batch of evaluation; by default what fits the training's.")
  @Nullable Integer batchSize;

  @Option(
      names = "--evaluate-every",
      paramLabel = "N",
      description = "Steps between evaluations, instead of an epoch.")
  @Nullable Integer every;

  @Option(
      names = "--metric",
      paramLabel = "NAME",
      description = "Which number tells the best evaluation: loss, accuracy, dev/loss, ….")
  @Nullable String metric;

  @Option(
      names = "--stop-early",
      paramLabel = "N",
      description = "Ends after N evaluations that are no better, and keeps the best.")
  @Nullable Integer stopEarly;

  @Option(names = "--keep-best", description = "Saves the adapter of the best evaluation.")
  boolean keepBest;

  /** What the library would only find after the model is loaded. */
  void check() {
    Mistakes.exclude("--validation", validation != null, "--hold-out", holdOut != null);
    boolean measured = validation != null || holdOut != null;
    Map<String, Boolean> need = new LinkedHashMap<>();
    need.put("--evaluation-batch-size", batchSize != null);
    need.put("--evaluate-every", every != null);
    need.put("--metric", metric != null);
    need.put("--stop-early", stopEarly != null);
    need.put("--keep-best", keepBest);
    need.forEach(
        (option, given) -> {
          if (given && !measured) {
            throw new IllegalArgumentException(
                option
                    + " does nothing without examples to measure with: give --validation FILE"
                    + " or --hold-out 0.1");
          }
        });
  }

  /** The examples to train on and the sets to measure with, by name; a lone set may have none. */
  record Split(Dataset<? extends Example> training, Map<String, Dataset<? extends Example>> held) {}

  Split split(DataOptions data, DataTask.Read read, @Nullable Long seed) {
    Map<String, Dataset<? extends Example>> held = new LinkedHashMap<>();
    if (holdOut != null) {
      return held(read.examples(), holdOut, seed == null ? 42 : seed);
    }
    sets().forEach((name, files) -> held.put(name, data.read("--validation", files, read.task())));
    return new Split(read.examples(), held);
  }

  private static <E extends Example> Split held(Dataset<E> all, double part, long seed) {
    Dataset.Split<E> split = Mistakes.at("--hold-out", () -> all.split(part, seed));
    return new Split(split.train(), Map.of("", split.heldOut()));
  }

  private Map<String, List<String>> sets() {
    Map<String, List<String>> sets = new LinkedHashMap<>();
    for (String given : validation == null ? List.<String>of() : validation) {
      Matcher named = NAMED.matcher(given);
      boolean hasName = named.matches();
      sets.computeIfAbsent(hasName ? named.group(1) : "", name -> new ArrayList<>())
          .add(hasName ? named.group(2) : given);
    }
    if (sets.size() > 1 && sets.containsKey("")) {
      throw new IllegalArgumentException(
          "--validation: '%s' has no name, but others have: give each one, such as dev=%s"
              .formatted(sets.get("").get(0), sets.get("").get(0)));
    }
    return sets;
  }

  void configure(FineTuner tuner, Split split, DataTask task) {
    split
        .held()
        .forEach(
            (name, set) -> {
              if (name.isEmpty()) {
                tuner.validateOn(set);
              } else {
                tuner.validateOn(name, set);
              }
            });
    if (!split.held().isEmpty()) {
      ObjectiveOptions.measures(task).forEach(tuner::measure);
    }
    Mistakes.set("--evaluation-batch-size", batchSize, tuner::evaluationBatchSize);
    Mistakes.set("--evaluate-every", every, tuner::evaluateEvery);
    Mistakes.set("--stop-early", stopEarly, tuner::stopEarly);
    if (keepBest) {
      tuner.keepBest();
    }
  }

  /** The metric, which depends on the objective. */
  void metric(FineTuner tuner) {
    Mistakes.set("--metric", metric, name -> tuner.metric(name).decidingMetric());
  }
}
