package io.github.peft4j.train;

import io.github.peft4j.chart.Numbers;
import io.github.peft4j.train.evaluation.Metrics;
import io.github.peft4j.train.evaluation.Truncated;
import io.github.peft4j.train.report.DataCounts;
import io.github.peft4j.train.report.EvaluationEvent;
import io.github.peft4j.train.report.HtmlReport;
import io.github.peft4j.train.report.RunCurves;
import io.github.peft4j.train.report.RunSheet;
import io.github.peft4j.train.report.Sample;
import io.github.peft4j.train.report.TrainingChart;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * The result of a training.
 *
 * @param steps number of optimizer steps of the run, those before a resume and skipped ones
 *     included
 * @param losses mean loss of a label at every step, from the first. That of a skipped step may be
 *     NaN or infinite
 * @param evaluations the evaluations, in order of their steps
 * @param bestStep the step of the best evaluation, or -1 without evaluations
 * @param keptStep the step whose tensors the adapter now has: {@code bestStep} after {@link
 *     FineTuner#stopEarly} or {@link FineTuner#keepBest}, else {@code steps}
 * @param ending why the run ended
 * @param skippedSteps the steps, from 1, whose update was skipped: see {@link
 *     FineTuner#skipNonFinite}
 * @param data counts of the training data
 * @param truncated counts of the training examples that were too long
 * @param validationTruncated counts of the validation examples that were too long
 * @param tokens number of tokens that this process trained on, without padding and without the
 *     answers of an encoder-decoder
 * @param seconds duration of this process's training, evaluations and checkpoints included
 * @param tokensPerSecond speed of this process's steps, without evaluations and checkpoints
 * @param details learning rates, gradient norms and speeds of the steps, settings and provenance
 */
public record TrainingReport(
    long steps,
    List<Double> losses,
    List<EvaluationEvent> evaluations,
    long bestStep,
    long keptStep,
    Ending ending,
    List<Long> skippedSteps,
    DataCounts data,
    Truncated truncated,
    Truncated validationTruncated,
    long tokens,
    double seconds,
    double tokensPerSecond,
    TrainingDetails details) {

  /** Why a run ended. */
  public enum Ending {
    /** All steps were made. */
    COMPLETED("complete"),
    /** Evaluations no longer improved: see {@link FineTuner#stopEarly}. */
    EARLY("ended early"),
    /**
     * {@link FineTuner#stop} was called, the thread was interrupted, or the JVM is shutting down.
     */
    STOPPED("stopped");

    private final String said;

    Ending(String said) {
      this.said = said;
    }
  }

  /** Copies the lists. */
  public TrainingReport {
    losses = List.copyOf(losses);
    evaluations = List.copyOf(evaluations);
    skippedSteps = List.copyOf(skippedSteps);
  }

  /** The loss of the last step that was not skipped; NaN if there was none. */
  public double finalLoss() {
    for (int step = losses.size(); step > 0; step--) {
      if (!skippedSteps.contains((long) step)) {
        return losses.get(step - 1);
      }
    }
    return Double.NaN;
  }

  /** The last evaluation, if there was one. */
  public Optional<Metrics> finalMetrics() {
    return evaluations.isEmpty()
        ? Optional.empty()
        : Optional.of(evaluations.get(evaluations.size() - 1).metrics());
  }

  /** The evaluation at {@link #bestStep}, or nothing without evaluations. */
  public Optional<Metrics> bestMetrics() {
    return metrics(bestStep);
  }

  /**
   * The evaluation at {@link #keptStep}, which is of the adapter as it is now, or nothing if that
   * step was not evaluated.
   */
  public Optional<Metrics> keptMetrics() {
    return metrics(keptStep);
  }

  private Optional<Metrics> metrics(long step) {
    return evaluations.stream()
        .filter(e -> e.step() == step)
        .findFirst()
        .map(EvaluationEvent::metrics);
  }

  /**
   * Draws loss, metrics, learning rate, gradient norm and speed over the steps as a PNG file.
   *
   * @throws IllegalStateException if the run has no step
   */
  public TrainingReport chart(String path) {
    TrainingChart.save(curves(), keptStep, Path.of(path));
    return this;
  }

  /** Writes an HTML page with charts, metrics, settings and provenance: see {@link HtmlReport}. */
  public TrainingReport html(String path) {
    return html(path, List.of());
  }

  /**
   * Writes an HTML page with charts, metrics, samples, settings and provenance.
   *
   * @param samples predictions to show, such as those of {@link Samples#of}
   */
  public TrainingReport html(String path, List<Sample> samples) {
    HtmlReport.write(sheet(samples), Path.of(path));
    return this;
  }

  /**
   * What {@link #html} shows. To show more, such as counts of your own, make a copy with other
   * values, and write it with {@link HtmlReport#write}.
   */
  public RunSheet sheet(List<Sample> samples) {
    return new RunSheet(
        details.provenance().getOrDefault("adapter", "adapter")
            + " on "
            + details.provenance().getOrDefault("base model", "a model"),
        results(),
        warnings(),
        curves(),
        details.lowerIsBetter(),
        keptStep,
        counts(),
        samples,
        details.settings(),
        details.provenance());
  }

  private RunCurves curves() {
    RunCurves curves = new RunCurves();
    for (int i = 0; i < losses.size(); i++) {
      Map<String, Float> reported = new LinkedHashMap<>();
      for (Map.Entry<String, List<Float>> one : details.reported().entrySet()) {
        reported.put(one.getKey(), one.getValue().get(i));
      }
      curves.add(
          i + 1L,
          losses.get(i),
          details.learningRates().get(i),
          details.gradNorms().get(i),
          details.tokensPerSecond().get(i),
          reported);
    }
    evaluations.forEach(e -> curves.add(RunCurves.VALIDATION, e.step(), e.metrics()));
    return curves;
  }

  private Map<String, String> results() {
    Map<String, String> results = new LinkedHashMap<>();
    keptMetrics()
        .ifPresent(
            metrics ->
                metrics
                    .values()
                    .forEach((n, v) -> results.put("validation " + n, Numbers.significant(v))));
    results.put("final training loss", String.format(Locale.ROOT, "%.4f", finalLoss()));
    results.put("steps", Numbers.grouped(steps) + ", " + ending.said);
    results.put("kept step", Numbers.grouped(keptStep));
    results.put("rows computed at once", Numbers.grouped(details.microBatchSize()));
    results.put("tokens of this process", Numbers.grouped(tokens));
    results.put("tokens a second", String.format(Locale.ROOT, "%,.0f", tokensPerSecond));
    results.put("seconds of this process", String.format(Locale.ROOT, "%,.1f", seconds));
    return results;
  }

  private List<String> warnings() {
    List<String> warnings = new ArrayList<>();
    if (ending == Ending.STOPPED) {
      warnings.add(
          "The run was stopped after step " + Numbers.grouped(steps) + ", before its end.");
    }
    List<Long> overflowed = details.overflowedSteps();
    List<Long> unsound = skippedSteps.stream().filter(s -> !overflowed.contains(s)).toList();
    if (!unsound.isEmpty()) {
      warnings.add(
          "%s steps were skipped, because their loss or gradient was not finite: %s."
              .formatted(Numbers.grouped(unsound.size()), unsound));
    }
    if (!overflowed.isEmpty()) {
      warnings.add(
          "%s steps were skipped, because their gradient overflowed in float16, until the scale of the loss was %s: %s."
              .formatted(
                  Numbers.grouped(overflowed.size()),
                  Numbers.significant(details.lossScale()),
                  overflowed));
    }
    if (data.withoutLabels() > 0) {
      warnings.add(
          "%,d training examples have no label that counts.".formatted(data.withoutLabels()));
    }
    if (!truncated.isNone()) {
      warnings.add("Training data: " + truncated + ".");
    }
    if (!validationTruncated.isNone()) {
      warnings.add("Validation data: " + validationTruncated + ".");
    }
    return warnings;
  }

  private Map<String, Map<String, Long>> counts() {
    Map<String, Long> training = counts(truncated);
    training.put("without labels", (long) data.withoutLabels());
    training.put("tokens", data.tokens());
    training.put("rows", (long) data.rows());
    training.put("positions filled, %", Math.round(100 * data.fill()));
    Map<String, Map<String, Long>> counts = new LinkedHashMap<>();
    counts.put("training", training);
    if (validationTruncated.examples() > 0) {
      counts.put(RunCurves.VALIDATION, counts(validationTruncated));
    }
    return counts;
  }

  private static Map<String, Long> counts(Truncated counted) {
    Map<String, Long> counts = new LinkedHashMap<>();
    counts.put("examples", (long) counted.examples());
    counts.put("cut", (long) counted.cut());
    counts.put("left out", (long) counted.leftOut());
    counts.put("longest, tokens", (long) counted.longest());
    counts.put("most tokens allowed", (long) counted.maxLength());
    return counts;
  }

  private boolean isInParts() {
    String batch = details.settings().get("batch_size");
    return batch != null
        && details.microBatchSize() < Math.min(Integer.parseInt(batch), data.rows());
  }

  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "%,d steps%s, final loss %.4f%s%s%s, %,.0f tokens/s, %.1f s",
        steps,
        ending == Ending.STOPPED ? " and stopped" : "",
        finalLoss(),
        keptStep == steps ? "" : ", kept step %,d".formatted(keptStep),
        keptMetrics().map(m -> ", " + m).orElse(""),
        (skippedSteps.isEmpty() ? "" : ", %,d steps skipped".formatted(skippedSteps.size()))
            + (isInParts() ? ", %,d rows at once".formatted(details.microBatchSize()) : "")
            + (truncated.isNone() ? "" : ", " + truncated),
        tokensPerSecond,
        seconds);
  }
}
