package io.github.peft4j.train.report;

import io.github.peft4j.chart.Axis;
import io.github.peft4j.chart.Chart;
import io.github.peft4j.chart.Chart.Line;
import io.github.peft4j.chart.Chart.Rule;
import io.github.peft4j.chart.Curve;
import io.github.peft4j.chart.Tone;
import io.github.peft4j.train.evaluation.Metrics;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * The values of a run over its steps, and the charts of them. There is one chart for each quantity,
 * and all have the same horizontal axis.
 */
public final class RunCurves {

  /** The name of the validation data, if there is one set alone. */
  public static final String VALIDATION = "validation";

  private static final int MOST_POINTS = 400;
  private static final int MOST_METRICS = 8;
  private static final int MOST_RULES = 60;

  /** The points of a line for each that a moving average reaches over. */
  private static final double SMOOTHING = 40;

  /** A gradient norm this many times the middle one would press all others to the ground. */
  private static final double SPREAD = 20;

  private final Curve loss = new Curve();
  private final Curve rate = new Curve();
  private final Curve norm = new Curve();
  private final Curve speed = new Curve();
  private final Map<String, Curve> reported = new LinkedHashMap<>();
  private final Map<String, NavigableMap<Long, Metrics>> evaluations = new LinkedHashMap<>();

  /** Adds a step. */
  public void add(StepEvent event) {
    add(
        event.step(),
        event.loss(),
        event.learningRate(),
        event.gradNorm(),
        event.tokensPerSecond(),
        event.reported());
  }

  /**
   * Adds a step. A value that is not finite leaves a gap.
   *
   * @param loss mean loss of a label
   * @param rate the learning rate
   * @param norm the norm of the gradient before it was clipped
   * @param speed tokens a second
   * @param reported the numbers that the objective reports in addition to the loss, by name
   */
  public void add(
      long step,
      double loss,
      double rate,
      double norm,
      double speed,
      Map<String, ? extends Number> reported) {
    this.loss.add(step, loss);
    this.rate.add(step, rate);
    this.norm.add(step, norm);
    this.speed.add(step, speed);
    reported.forEach(
        (name, value) ->
            this.reported
                .computeIfAbsent(name, unknown -> new Curve())
                .add(step, value.doubleValue()));
  }

  /**
   * Adds an evaluation.
   *
   * @param data the name of the data that it was made on
   */
  public void add(String data, long step, Metrics metrics) {
    evaluations.computeIfAbsent(data, name -> new TreeMap<>()).put(step, metrics);
  }

  /** The evaluations by step, for each data set by its name. */
  Map<String, NavigableMap<Long, Metrics>> evaluations() {
    return evaluations;
  }

  /** The number of steps that are shown, gaps included. */
  int steps() {
    return loss.size();
  }

  Curve loss() {
    return loss;
  }

  /** The names of all metrics, in the order in which they are shown. */
  List<String> metrics() {
    return evaluations.values().stream()
        .flatMap(byStep -> byStep.values().stream())
        .flatMap(metrics -> metrics.values().keySet().stream())
        .distinct()
        .toList();
  }

  /**
   * The charts: the loss, each metric, what the objective reports, the learning rate, the norm of
   * the gradient and the speed. What was not measured has no chart.
   *
   * @param kept the step whose tensors the adapter has; 0 if that is the last one
   */
  public List<Chart> charts(long kept) {
    List<Chart> charts = new ArrayList<>();
    List<Rule> rule =
        kept > 0 && kept < last()
            ? List.of(new Rule((double) kept, "kept", Tone.MUTED))
            : List.of();
    charts.add(lossChart().rules(Stream.concat(skipped().stream(), rule.stream()).toList()));
    metrics().stream()
        .filter(name -> !name.equals(Metrics.LOSS))
        .limit(MOST_METRICS)
        .forEach(
            name ->
                charts.add(chart(title(name), "", Axis.linear(""), measured(name)).rules(rule)));
    reported.entrySet().stream()
        .limit(MOST_METRICS)
        .forEach(one -> add(charts, title(one.getKey()), Axis.linear(""), one.getValue()));
    add(charts, "Learning rate", Axis.linear("").reaching(0, 0), rate);
    boolean spread = isSpread(norm);
    add(
        charts,
        "Gradient norm before clipping" + (spread ? ", log scale" : ""),
        spread ? Axis.log("") : Axis.linear("").reaching(0, 0),
        norm);
    add(charts, "Tokens a second", Axis.linear("").reaching(0, 0), speed);
    return charts;
  }

  private Chart lossChart() {
    Curve thinned = loss.thinned(MOST_POINTS);
    double memory = 1 - 1 / Math.max(1, thinned.size() / SMOOTHING);
    List<Line> lines = new ArrayList<>();
    if (memory > 0) {
      lines.add(new Line("", thinned, Tone.FAINT, false));
    }
    lines.add(new Line("training", thinned.smoothed(memory), Tone.MAIN, false));
    lines.addAll(measured(Metrics.LOSS));
    String smoothing =
        memory > 0
            ? String.format(
                Locale.ROOT, "Training: moving average, memory %.2f; pale: unsmoothed.", memory)
            : "";
    String note = (smoothing + thinning(loss)).strip();
    return chart("Loss", note, Axis.linear(""), lines);
  }

  /** Adds the chart of a value of each step, if it was measured. */
  private void add(List<Chart> charts, String title, Axis y, Curve curve) {
    if (curve.isVisible()) {
      Line line = new Line("", curve.thinned(MOST_POINTS), Tone.MAIN, false);
      charts.add(chart(title, thinning(curve).strip(), y, List.of(line)));
    }
  }

  private Chart chart(String title, String note, Axis y, List<Line> lines) {
    Axis steps = Axis.whole("step").reaching(1, (double) last());
    return Chart.ofLines(title, note, steps, y, lines);
  }

  /** A line for each data set that the metric was measured on. */
  private List<Line> measured(String metric) {
    List<Line> lines = new ArrayList<>();
    evaluations.forEach(
        (data, byStep) -> {
          Curve curve = new Curve();
          byStep.forEach(
              (step, metrics) ->
                  curve.add(step, metrics.values().getOrDefault(metric, Double.NaN)));
          if (curve.isVisible()) {
            Curve thinned = curve.thinned(MOST_POINTS);
            boolean dotted = thinned.size() <= 50;
            lines.add(new Line(data, thinned, Tone.other(lines.size()), dotted));
          }
        });
    return lines;
  }

  /** A mark at each step without a finite loss or gradient. */
  private List<Rule> skipped() {
    List<Rule> rules = new ArrayList<>();
    for (int i = 0; i < loss.size() && rules.size() < MOST_RULES; i++) {
      // An earlier process may not have recorded norms: a missing one says nothing of its step.
      if (loss.ys().get(i).isNaN()) {
        rules.add(
            new Rule((double) loss.xs().get(i), rules.isEmpty() ? "not finite" : "", Tone.WARNING));
      }
    }
    return rules;
  }

  private long last() {
    long last = loss.size() == 0 ? 1 : loss.xs().get(loss.size() - 1);
    return evaluations.values().stream()
        .filter(byStep -> !byStep.isEmpty())
        .mapToLong(NavigableMap::lastKey)
        .reduce(last, Math::max);
  }

  private static boolean isSpread(Curve curve) {
    double[] sorted = curve.values().filter(value -> value > 0).sorted().toArray();
    return sorted.length > 0 && sorted[sorted.length - 1] > SPREAD * sorted[sorted.length / 2];
  }

  private static String thinning(Curve curve) {
    int stride = curve.stride(MOST_POINTS);
    return stride == 1 ? "" : " A point is the mean of " + stride + " steps.";
  }

  /** {@code macro_f1} as {@code Macro f1}. */
  private static String title(String metric) {
    String words = metric.replace('_', ' ');
    return words.isEmpty() ? words : Character.toUpperCase(words.charAt(0)) + words.substring(1);
  }
}
