package io.github.peft4j.train;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/** How far a run has come; written to and read from checkpoints as JSON. */
final class RunState {

  /** What the run was started with; a run that goes on must have the same. */
  Map<String, String> settings = new TreeMap<>();

  /** When the run began, as ISO 8601 has it. */
  String started = Instant.now().truncatedTo(ChronoUnit.SECONDS).toString();

  /** How long it has run, without interruptions. */
  double seconds;

  /** Optimizer steps done. */
  long step;

  /** The mean loss of each step. */
  List<Double> losses = new ArrayList<>();

  /** The evaluations so far. */
  List<Evaluation> evaluations = new ArrayList<>();

  /** The step of the best evaluation, or -1. */
  long bestStep = -1;

  /** Evaluations since the best. */
  int sinceBest;

  /** Whether nothing is missing, and there is a loss for each step: a file may hold anything. */
  boolean isWhole() {
    return settings != null
        && started != null
        && losses != null
        && evaluations != null
        && losses.size() == step
        && losses.stream().allMatch(Objects::nonNull)
        && evaluations.stream().allMatch(e -> e != null && e.metrics != null);
  }

  /**
   * Notes an evaluation after the last step, and whether it is the best so far.
   *
   * @param metric by which it is better or worse
   */
  void evaluated(Metrics metrics, String metric) {
    double now = metrics.get(metric);
    boolean lower = metric.equals(Metrics.LOSS) || metric.equals(Metrics.PERPLEXITY);
    double best =
        evaluations.stream()
            .filter(evaluation -> evaluation.step == bestStep)
            .mapToDouble(evaluation -> evaluation.metrics.getOrDefault(metric, Double.NaN))
            .findFirst()
            .orElse(Double.NaN);
    Evaluation evaluation = new Evaluation();
    evaluation.step = step;
    evaluation.metrics = new LinkedHashMap<>(metrics.values());
    evaluations.add(evaluation);
    if (Double.isNaN(best) || (lower ? now < best : now > best)) {
      bestStep = step;
      sinceBest = 0;
    } else {
      sinceBest++;
    }
  }

  /** One evaluation. */
  static final class Evaluation {
    long step;
    Map<String, Double> metrics = new TreeMap<>();
  }
}
