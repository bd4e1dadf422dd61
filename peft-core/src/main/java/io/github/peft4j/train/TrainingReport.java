package io.github.peft4j.train;

import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * What a training came to.
 *
 * @param steps how many optimizer steps the run has, those before a resume included
 * @param losses the mean loss of every step from the first
 * @param evaluations in order of their steps
 * @param bestStep the step of the best evaluation, or -1 without evaluations
 * @param tokens how many tokens this process trained on
 * @param seconds how long this process trained, evaluation included
 * @param tokensPerSecond of training alone
 */
public record TrainingReport(
    long steps,
    List<Double> losses,
    List<EvaluationEvent> evaluations,
    long bestStep,
    long tokens,
    double seconds,
    double tokensPerSecond) {

  /** Copies the lists. */
  public TrainingReport {
    losses = List.copyOf(losses);
    evaluations = List.copyOf(evaluations);
  }

  /** The loss of the last step. */
  public double finalLoss() {
    return losses.isEmpty() ? Double.NaN : losses.get(losses.size() - 1);
  }

  /** The last evaluation, if there was one. */
  public Optional<Metrics> finalMetrics() {
    return evaluations.isEmpty()
        ? Optional.empty()
        : Optional.of(evaluations.get(evaluations.size() - 1).metrics());
  }

  /** The evaluation at {@link #bestStep}, if there was one. */
  public Optional<Metrics> bestMetrics() {
    return evaluations.stream()
        .filter(e -> e.step() == bestStep)
        .findFirst()
        .map(EvaluationEvent::metrics);
  }

  /** Draws losses and metrics over steps as a PNG. */
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
        "%,d steps, final loss %.4f%s, %,.0f tokens/s, %.1f s",
        steps,
        finalLoss(),
        finalMetrics().map(m -> ", " + m).orElse(""),
        tokensPerSecond,
        seconds);
  }
}
