package io.github.peft4j.train;

import ai.djl.Device;
import io.github.peft4j.AdapterTraining;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.advice.AdvisedException;
import io.github.peft4j.advice.Remedy;
import io.github.peft4j.train.evaluation.Metrics;
import io.github.peft4j.train.parallel.Replicas;
import io.github.peft4j.train.report.EndEvent;
import io.github.peft4j.train.report.EvaluationEvent;
import io.github.peft4j.train.report.Listeners;
import io.github.peft4j.train.report.ProgressBar;
import io.github.peft4j.train.report.StartEvent;
import io.github.peft4j.train.report.TrainingListener;
import io.github.peft4j.tuner.training.StepListener;
import java.util.ArrayList;
import java.util.List;

/**
 * One run of a {@link FineTuner}: it prepares the model before the loop, and restores it
 * afterwards.
 */
final class TrainingRun {

  final FineTuner settings;
  final StopSignal stop;
  final TrainingSetup setup;
  final Listeners listeners;
  final History history;
  final Clock clock = new Clock();
  private final AdapterTraining training;

  private TrainingRun(FineTuner settings, StopSignal stop, AdapterTraining training) {
    this.settings = settings;
    this.stop = stop;
    this.training = training;
    this.setup = TrainingSetup.of(settings, training);
    this.history = new History(settings.seed, setup);
    List<TrainingListener> told = new ArrayList<>(settings.listeners);
    if (!settings.quiet) {
      told.add(0, new ProgressBar());
    }
    this.listeners = new Listeners(told);
  }

  static TrainingReport run(FineTuner settings, StopSignal stop) {
    TrainingSetup.requireParts(settings);
    Adapter adapter = TrainingSetup.theAdapter(settings.model);
    Checkpoints.requireWritable(settings.folder);
    try (Checkpoints.Claim claim = new Checkpoints.Claim(settings.folder);
        AdapterTraining training = settings.model.train(adapter.name())) {
      return new TrainingRun(settings, stop, training).run();
    }
  }

  private TrainingReport run() {
    List<Device> others = settings.devices.subList(1, settings.devices.size());
    try (ShutdownGuard guard = new ShutdownGuard(stop, settings.shutdownWait);
        Replicas replicas =
            new Replicas(
                training,
                others,
                settings.group,
                settings.averageEvery == 1,
                setup.replicas(),
                (int) setup.totalSteps())) {
      requireResults(replicas.first().listener());
      return run(new TrainingLoop(this, replicas));
    }
  }

  /** Refuses to keep the best evaluation if its tensors may be no result. */
  private void requireResults(StepListener listener) {
    if (settings.keepBest || settings.patience > 0) {
      listener
          .unfinished()
          .ifPresent(
              why -> {
                throw new AdvisedException(
                    "the adapter of the best evaluation is to be kept, but " + why,
                    Remedy.KEEP_LAST.with(
                        "Leave out keepBest and stopEarly; the adapter of the last step is kept"
                            + " then"));
              });
    }
  }

  private TrainingReport run(TrainingLoop loop) {
    boolean begun = false;
    long kept = -1;
    try {
      loop.resume();
      RunState state = loop.state();
      clock.start(state.seconds);
      listeners.onStart(
          new StartEvent(
              state.step,
              setup.totalSteps(),
              setup.epochs(),
              setup.data(),
              setup.truncated(),
              setup.validationTruncated()));
      begun = true;
      kept = loop.run();
    } finally {
      RunState state = loop.state();
      if (state.step > 0) {
        history.record(training, state, kept < 0 ? state.step : kept, clock.total());
      }
      if (begun) {
        listeners.onEnd(new EndEvent(state.step, loop.tokens(), clock.seconds()));
      }
    }
    return report(loop, kept);
  }

  private TrainingReport report(TrainingLoop loop, long kept) {
    RunState state = loop.state();
    return new TrainingReport(
        state.step,
        state.losses,
        state.evaluations.stream()
            .map(e -> new EvaluationEvent(e.step, new Metrics(e.metrics)))
            .toList(),
        state.bestStep,
        kept,
        loop.ending(),
        state.skipped,
        setup.data(),
        setup.truncated(),
        setup.validationTruncated(),
        loop.tokens(),
        clock.seconds(),
        loop.tokens() / Math.max(1e-9, clock.trainingSeconds()),
        TrainingDetails.of(settings, setup, state));
  }
}
