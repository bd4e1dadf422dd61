package io.github.peft4j.train.search;

import io.github.peft4j.PeftModel;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.TrainingException;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.tuner.Trainable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tries settings one after the other on one model, and finds the best adapter.
 *
 * <pre>{@code
 * Search search = Search.of(model, "runs/search", tuner -> tuner.on(train).validateOn(dev).epochs(2));
 * for (int r : List.of(4, 16)) {
 *   for (double rate : List.of(1e-4, 5e-4)) {
 *     search.attempt("r" + r + "-" + rate, LoraConfig.ofRank(r), tuner -> tuner.learningRate(rate));
 *   }
 * }
 * Search.Result result = search.run();
 * System.out.println(result);          // a table, the best first
 * }</pre>
 *
 * <p>Each attempt is a fresh adapter on the same frozen weights, and a run with checkpoints in a
 * subfolder. A search that was killed goes on when the same lines run again: what is finished is
 * read and not trained again.
 */
public final class Search {

  private static final Logger LOG = LoggerFactory.getLogger(Search.class);

  private final PeftModel model;
  private final Path folder;
  private final UnaryOperator<FineTuner> common;
  private final Map<String, Attempt> attempts = new LinkedHashMap<>();

  private record Attempt(PeftConfig config, UnaryOperator<FineTuner> settings) {}

  /**
   * What became of an attempt.
   *
   * @param metric the number that decides, at the best evaluation
   * @param trainable the number of trained values
   * @param checkpoint the folder with the adapter of the best evaluation
   */
  public record Trial(
      String name, double metric, long trainable, Path checkpoint, TrainingReport report) {}

  /**
   * All attempts.
   *
   * @param metric the name of the number that decides
   * @param trials the attempts that were trained, the best first
   * @param diverged the attempts without a result, with what was wrong: the training diverged, or
   *     the number that decides was never finite
   */
  public record Result(String metric, List<Trial> trials, Map<String, String> diverged) {

    /** Copies the collections. */
    public Result {
      trials = List.copyOf(trials);
      diverged = Collections.unmodifiableMap(new LinkedHashMap<>(diverged));
    }

    /** The best attempt. */
    public Trial best() {
      return trials.get(0);
    }

    @Override
    public String toString() {
      int width = trials.stream().mapToInt(t -> t.name().length()).max().orElse(0);
      StringBuilder table = new StringBuilder();
      String row = "%-" + Math.max(7, width) + "s  %12s  %12s  %9s";
      table.append(String.format(Locale.ROOT, row, "attempt", metric, "trainable", "seconds"));
      for (Trial trial : trials) {
        table
            .append('\n')
            .append(
                String.format(
                    Locale.ROOT,
                    row,
                    trial.name(),
                    String.format(Locale.ROOT, "%.4f", trial.metric()),
                    String.format(Locale.ROOT, "%,d", trial.trainable()),
                    String.format(Locale.ROOT, "%.1f", trial.report().seconds())));
      }
      diverged.keySet().forEach(name -> table.append('\n').append(name).append("  no result"));
      return table.toString();
    }
  }

  private Search(PeftModel model, Path folder, UnaryOperator<FineTuner> common) {
    this.model = model;
    this.folder = folder;
    this.common = common;
  }

  /**
   * Creates a search without attempts.
   *
   * @param model a model without adapters
   * @param folder for the checkpoints: a subfolder for each attempt
   * @param common the settings of all attempts, with training and validation data
   */
  public static Search of(PeftModel model, String folder, UnaryOperator<FineTuner> common) {
    requireBare(model);
    return new Search(model, Path.of(folder), common);
  }

  static void requireBare(PeftModel model) {
    if (!model.adapters().isEmpty()) {
      throw new IllegalArgumentException(
          "the model has adapters, %s; expected none, since each attempt is a fresh one: remove(name) them"
              .formatted(model.adapters().keySet()));
    }
  }

  /**
   * Adds an attempt.
   *
   * @param name of the adapter and of the attempt's folder: letters, digits, dots, {@code _} and
   *     {@code -}
   * @param config the method
   * @param settings what differs from the common settings
   */
  public Search attempt(String name, PeftConfig config, UnaryOperator<FineTuner> settings) {
    if (!name.matches("\\w[\\w.-]*")) {
      throw new IllegalArgumentException(
          "attempt '%s': expected letters, digits, dots, _ and -, since it names a folder"
              .formatted(name));
    }
    if (attempts.putIfAbsent(name, new Attempt(config, settings)) != null) {
      throw new IllegalArgumentException("there are two attempts of the name '" + name + "'");
    }
    return this;
  }

  /** Adds an attempt with the common settings. */
  public Search attempt(String name, PeftConfig config) {
    return attempt(name, config, UnaryOperator.identity());
  }

  /**
   * Makes all attempts. Afterwards the model has the adapter of the best one, under its name.
   *
   * @throws IllegalArgumentException if there are no attempts, or settings are wrong
   * @throws TrainingException if no attempt has a result
   */
  public Result run() {
    requireBare(model);
    if (attempts.isEmpty()) {
      throw new IllegalArgumentException("nothing to try: call attempt(name, config)");
    }
    FineTuner first = common.apply(FineTuner.of(model));
    String metric = first.decidingMetric();
    double sign = first.measures().isLowerBetter(metric) ? 1 : -1;
    List<Trial> trials = new ArrayList<>();
    Map<String, String> diverged = new LinkedHashMap<>();
    attempts.forEach(
        (name, attempt) -> {
          try {
            trials.add(trial(name, attempt, metric));
          } catch (TrainingException e) {
            LOG.warn("attempt {}: {}", name, e.getMessage());
            diverged.put(name, String.valueOf(e.getMessage()));
          }
        });
    if (trials.isEmpty()) {
      throw new TrainingException("no attempt has a result: " + diverged);
    }
    trials.sort((a, b) -> Double.compare(sign * a.metric(), sign * b.metric()));
    Result result = new Result(metric, trials, diverged);
    model.loadAdapter(result.best().name(), result.best().checkpoint());
    return result;
  }

  private Trial trial(String name, Attempt attempt, String metric) {
    model.adapt(name, attempt.config());
    try {
      TrainingReport report =
          attempt
              .settings()
              .apply(common.apply(FineTuner.of(model)))
              .checkpointTo(folder.resolve(name))
              .run();
      long trainable = model.trainables().stream().mapToLong(Trainable::size).sum();
      double best =
          report
              .bestMetrics()
              .map(m -> m.get(metric))
              .orElseThrow(
                  () ->
                      new TrainingException(
                          "no evaluation has a finite %s and loss, so that this attempt cannot be compared"
                              .formatted(metric)));
      Path checkpoint = folder.resolve(name).resolve("checkpoint-" + report.bestStep());
      return new Trial(name, best, trainable, checkpoint, report);
    } finally {
      model.remove(name);
    }
  }
}
