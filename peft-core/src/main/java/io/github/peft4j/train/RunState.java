package io.github.peft4j.train;

import io.github.peft4j.train.evaluation.Metrics;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/** The progress of a run, stored in checkpoints as JSON. */
final class RunState {

  /** The facts that the run was started with. A resumed run must have the same. */
  Map<String, String> settings = new TreeMap<>();

  /** When the run was started, in ISO 8601. */
  String started = Instant.now().truncatedTo(ChronoUnit.SECONDS).toString();

  /** The duration so far in seconds, without interruptions. */
  double seconds;

  /** Optimizer steps done. */
  long step;

  /** The mean loss of each step. */
  List<Double> losses = new ArrayList<>();

  /** The learning rate of each step. Checkpoints of older versions have none. */
  List<Float> rates = new ArrayList<>();

  /** The norm of each step's gradient before it was clipped. */
  List<Float> norms = new ArrayList<>();

  /** The tokens a second of each step. */
  List<Float> speeds = new ArrayList<>();

  /**
   * The other numbers that the objective reported at each step, by name; NaN where it reported
   * none.
   */
  Map<String, List<Float>> reported = new TreeMap<>();

  /** The steps, from 1, whose update was skipped because the gradient was not finite. */
  List<Long> skipped = new ArrayList<>();

  /** Those of the skipped steps whose gradient overflowed because the loss was scaled. */
  List<Long> overflowed = new ArrayList<>();

  /** The scale of the loss; 0 in checkpoints of older versions. */
  double lossScale;

  /** The rows that are computed at once; 0 if nothing was found out about them. */
  int rowsAtOnce;

  /** The good steps since the scale last changed. */
  int goodSteps;

  /** The evaluations so far. */
  List<Evaluation> evaluations = new ArrayList<>();

  /** The step of the best evaluation, or -1. */
  long bestStep = -1;

  /** Evaluations since the best. */
  int sinceBest;

  /** Whether no field is missing and every step has a loss. A damaged file may lack either. */
  boolean isWhole() {
    return settings != null
        && started != null
        && losses != null
        && skipped != null
        && overflowed != null
        && skipped.containsAll(overflowed)
        && rowsAtOnce >= 0
        && lossScale >= 0
        && lossScale <= Float.MAX_VALUE
        && evaluations != null
        && losses.size() == step
        && losses.stream().allMatch(Objects::nonNull)
        && isTrace(rates)
        && isTrace(norms)
        && isTrace(speeds)
        && reported != null
        && reported.values().stream().allMatch(this::isTrace)
        && evaluations.stream().allMatch(e -> e != null && e.metrics != null);
  }

  private boolean isTrace(List<Float> values) {
    return values != null && values.size() <= step && values.stream().allMatch(Objects::nonNull);
  }

  /** Notes how the last step was made. */
  void trace(double rate, double norm, double tokensPerSecond, Map<String, Double> reports) {
    add(rates, rate);
    add(norms, norm);
    add(speeds, tokensPerSecond);
    reports.forEach(
        (name, value) -> add(reported.computeIfAbsent(name, n -> new ArrayList<>()), value));
  }

  private void add(List<Float> values, double value) {
    while (values.size() < step - 1) { // earlier ones were not recorded
      values.add(Float.NaN);
    }
    values.add((float) value);
  }

  boolean isEvaluated() {
    return !evaluations.isEmpty() && evaluations.get(evaluations.size() - 1).step == step;
  }

  /** The last step, from 1, whose update was made; 0 if none was. */
  long lastUpdate() {
    long last = step;
    while (last > 0 && skipped.contains(last)) {
      last--;
    }
    return last;
  }

  /** Forgets which evaluation was the best, because its tensors are lost. */
  void forgetBest() {
    bestStep = -1;
    sinceBest = 0;
  }

  /**
   * Adds an evaluation after the last step, and notes whether it is the best so far. An evaluation
   * with values that are not finite is never the best.
   *
   * @param metric the metric to compare by
   * @param lower whether a smaller value is better
   */
  void evaluated(Metrics metrics, String metric, boolean lower) {
    double now = metrics.get(metric);
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
    boolean finite = Double.isFinite(now) && metrics.losses().allMatch(Double::isFinite);
    if (finite && (Double.isNaN(best) || (lower ? now < best : now > best))) {
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
