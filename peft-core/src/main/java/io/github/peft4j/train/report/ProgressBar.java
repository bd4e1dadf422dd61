package io.github.peft4j.train.report;

import io.github.peft4j.io.TerminalLine;
import java.io.PrintStream;
import java.time.Duration;
import java.util.Locale;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Shows the progress, the speed and the remaining time of a training. On a terminal it redraws one
 * line; elsewhere, as in a log file, it prints a line every few seconds.
 */
public final class ProgressBar implements TrainingListener {

  private static final int WIDTH = 20;
  private static final Duration TERMINAL_INTERVAL = Duration.ofMillis(100);
  private static final Duration LOG_INTERVAL = Duration.ofSeconds(5);

  private final PrintStream out;
  private final boolean terminal;
  private final LongSupplier nanoTime;
  private final TerminalLine line;

  private long startNanos;
  private long startStep;
  private long totalSteps;
  private @Nullable Long shownNanos;

  /** A progress bar on standard error. */
  public ProgressBar() {
    this(System.err, TerminalLine.isTerminal(), System::nanoTime);
  }

  ProgressBar(PrintStream out, boolean terminal, LongSupplier nanoTime) {
    this.out = out;
    this.terminal = terminal;
    this.nanoTime = nanoTime;
    this.line = new TerminalLine(out);
  }

  @Override
  public void onStart(StartEvent event) {
    startNanos = nanoTime.getAsLong();
    startStep = event.stepsDone();
    totalSteps = event.totalSteps();
    shownNanos = null;
    if (startStep > 0) {
      line("going on after step %,d of %,d".formatted(startStep, totalSteps));
    }
  }

  @Override
  public void onStep(StepEvent event) {
    long now = nanoTime.getAsLong();
    Duration interval = terminal ? TERMINAL_INTERVAL : LOG_INTERVAL;
    boolean due = shownNanos == null || now - shownNanos >= interval.toNanos();
    if (!due && event.step() < totalSteps) {
      return;
    }
    shownNanos = now;
    String status = status(event, now);
    if (terminal) {
      line.redraw(bar(event) + " " + status);
    } else {
      line(status);
    }
  }

  @Override
  public void onEvaluation(EvaluationEvent event) {
    line("step %,d, validation: %s".formatted(event.step(), event.metrics()));
  }

  @Override
  public void onEnd(EndEvent event) {
    line(
        String.format(
            Locale.ROOT,
            "%,d steps, %,d tokens in %s",
            event.step() - startStep,
            event.tokens(),
            time(event.seconds())));
  }

  private String status(StepEvent event, long now) {
    double secondsPerStep = (now - startNanos) / 1e9 / Math.max(1, event.step() - startStep);
    return String.format(
        Locale.ROOT,
        "step %,d/%,d, epoch %.2f, loss %.4f, lr %.2e, grad norm %.2f, %,.0f tokens/s, %s left",
        event.step(),
        event.totalSteps(),
        event.epoch(),
        event.loss(),
        event.learningRate(),
        event.gradNorm(),
        event.tokensPerSecond(),
        time(secondsPerStep * (event.totalSteps() - event.step())));
  }

  private static String bar(StepEvent event) {
    int done = (int) (WIDTH * event.step() / Math.max(1, event.totalSteps()));
    return "[" + "=".repeat(done) + " ".repeat(Math.max(0, WIDTH - done)) + "]";
  }

  static String time(double seconds) {
    long s = Math.round(seconds);
    return s < 3600
        ? "%d:%02d".formatted(s / 60, s % 60)
        : "%d:%02d:%02d".formatted(s / 3600, s / 60 % 60, s % 60);
  }

  private void line(String text) {
    if (terminal) {
      line.end(text);
    } else {
      out.println(text);
    }
  }
}
