package io.github.peft4j.train.search;

import io.github.peft4j.PeftModel;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.TrainingException;
import io.github.peft4j.train.report.StepEvent;
import io.github.peft4j.train.report.TrainingListener;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A learning-rate range test: the loss while the rate of a short training rises from step to step
 * (Smith 2015, arXiv:1506.01186).
 *
 * <pre>{@code
 * RateRange range = RateRange.test(model, config, tuner -> tuner.on(examples).batchSize(8));
 * System.out.println(range); // rates, losses and the suggestion
 * }</pre>
 *
 * @param points the rate and the loss of each step, in ascending order of rates
 */
public record RateRange(List<Point> points) {

  private static final Logger LOG = LoggerFactory.getLogger(RateRange.class);
  private static final String NAME = "learning-rate-range-test";

  /**
   * How much of the mean of losses is the mean before: the noise of single batches is less then.
   */
  private static final double INERTIA = 0.8;

  /** The test ends when the mean is this many times the lowest one. */
  private static final double RISE = 2;

  /**
   * The loss of a step.
   *
   * @param rate the learning rate of the step's update, above 0
   * @param loss the step's loss, before the update
   * @param mean the exponential mean of the losses so far
   */
  public record Point(double rate, double loss, double mean) {}

  /** Copies the list. */
  public RateRange {
    points = List.copyOf(points);
  }

  /** Tests rates from 1e-6 to 0.1 in 100 steps. */
  public static RateRange test(
      PeftModel model, PeftConfig config, UnaryOperator<FineTuner> settings) {
    return test(model, config, settings, 1e-6, 0.1, 100);
  }

  /**
   * Trains a fresh adapter, which is removed afterwards. The model must have no other adapter.
   *
   * @param settings the training's data and settings other than rate and length
   * @param from the first rate, above 0
   * @param to the last rate, above {@code from}
   * @param steps the number of steps, 2 or more. The test ends before if its mean rises above the
   *     lowest one by as much as that is, or the loss is not finite
   */
  public static RateRange test(
      PeftModel model,
      PeftConfig config,
      UnaryOperator<FineTuner> settings,
      double from,
      double to,
      int steps) {
    if (!(from > 0 && to > from && Double.isFinite(to)) || steps < 2) {
      throw new IllegalArgumentException(
          "rates from %s to %s in %d steps; expected 0 < from < to, and 2 steps or more"
              .formatted(from, to, steps));
    }
    Search.requireBare(model);
    Watch watch = new Watch();
    model.adapt(NAME, config);
    try {
      settings
          .apply(FineTuner.of(model))
          .steps(steps)
          .schedule(n -> step -> from * Math.pow(to / from, step / (steps - 1.0)))
          .listener(watch)
          .run();
    } catch (TrainingException e) {
      LOG.info("the range test ends at rate {}: {}", watch.lastRate(), e.getMessage());
    } finally {
      model.remove(NAME);
    }
    return new RateRange(watch.points);
  }

  /** Collects the points, and ends the test when the loss rises. */
  private static final class Watch implements TrainingListener {

    private final List<Point> points = new ArrayList<>();
    private double sum;
    private double lowest = Double.POSITIVE_INFINITY;

    @Override
    public void onStep(StepEvent event) {
      sum = INERTIA * sum + (1 - INERTIA) * event.loss();
      double mean = sum / (1 - Math.pow(INERTIA, points.size() + 1)); // as Adam corrects its means
      lowest = Math.min(lowest, mean);
      points.add(new Point(event.learningRate(), event.loss(), mean));
    }

    double lastRate() {
      return points.isEmpty() ? 0 : points.get(points.size() - 1).rate();
    }

    @Override
    public boolean stops() {
      return !points.isEmpty()
          && points.get(points.size() - 1).mean() > lowest + (RISE - 1) * Math.abs(lowest);
    }
  }

  /**
   * A tenth of the rate with the lowest mean loss: at that rate itself training is about to become
   * unstable.
   *
   * @throws IllegalStateException if there are no points
   */
  public double suggestion() {
    Point best =
        points.stream()
            .min((p, q) -> Double.compare(p.mean(), q.mean()))
            .orElseThrow(() -> new IllegalStateException("the test made no step"));
    return best.rate() / 10;
  }

  @Override
  public String toString() {
    return points.stream()
        .map(p -> String.format(Locale.ROOT, "%.2e  %.4f  %.4f", p.rate(), p.loss(), p.mean()))
        .collect(
            Collectors.joining(
                "\n",
                "rate      loss    mean\n",
                points.isEmpty()
                    ? ""
                    : String.format(Locale.ROOT, "\nsuggestion: %.1e", suggestion())));
  }
}
