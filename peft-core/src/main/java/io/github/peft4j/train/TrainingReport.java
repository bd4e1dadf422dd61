package io.github.peft4j.train;

import io.github.peft4j.train.evaluation.Metrics;
import io.github.peft4j.train.evaluation.Truncated;
import io.github.peft4j.train.report.EvaluationEvent;
import io.github.peft4j.train.report.StepEvent;
import io.github.peft4j.train.report.TrainingChart;
import java.util.List;
import java.util.Locale;
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
 * @param truncated counts of the training examples that were too long
 * @param validationTruncated counts of the validation examples that were too long
 * @param tokens number of tokens that this process trained on, without padding and without the
 *     answers of an encoder-decoder
 * @param seconds duration of this process's training, evaluations and checkpoints included
 * @param tokensPerSecond speed of this process's steps, without evaluations and checkpoints
 */
public record TrainingReport(
    long steps,
    List<Double> losses,
    List<EvaluationEvent> evaluations,
    long bestStep,
    long keptStep,
    Ending ending,
    List<Long> skippedSteps,
    Truncated truncated,
    Truncated validationTruncated,
    long tokens,
    double seconds,
    double tokensPerSecond) {

  /** Why a run ended. */
  public enum Ending {
    /** All steps were made. */
    COMPLETED,
    /** Evaluations no longer improved: see {@link FineTuner#stopEarly}. */
    EARLY,
    /**
     * {@link FineTuner#stop} was called, the thread was interrupted, or the JVM is shutting down.
     */
    STOPPED
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

  /** Draws losses and metrics over the steps as a PNG file. */
  public TrainingReport chart(String path) {
    TrainingChart chart = new TrainingChart();
    for (int i = 0; i < losses.size(); i++) {
      chart.onStep(new StepEvent(i + 1, steps, 0, losses.get(i), 0, 0, 0, 0));
    }
    evaluations.forEach(chart::onEvaluation);
    chart.save(path);
    return this;
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
            + (truncated.isNone() ? "" : ", " + truncated),
        tokensPerSecond,
        seconds);
  }
}
