package io.github.peft4j.train;

import io.github.peft4j.PeftModel;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.train.TrainingReport.Ending;
import io.github.peft4j.train.evaluation.Evaluator;
import io.github.peft4j.train.evaluation.Metrics;
import io.github.peft4j.train.optimizer.LossScaler;
import io.github.peft4j.train.parallel.Replicas;
import io.github.peft4j.train.parallel.TrainedTensors;
import io.github.peft4j.train.report.CheckpointEvent;
import io.github.peft4j.train.report.EvaluationEvent;
import io.github.peft4j.train.report.Listeners;
import io.github.peft4j.train.report.StepEvent;
import io.github.peft4j.tuner.Calls;
import java.io.UncheckedIOException;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The loop over the steps of a run, with the evaluations and checkpoints between them. */
final class TrainingLoop {

  private static final Logger LOG = LoggerFactory.getLogger(TrainingLoop.class);

  private final FineTuner settings;
  private final StopSignal stop;
  private final PeftModel model;
  private final TrainingSetup setup;
  private final Adapter adapter;
  private final Evaluator evaluator;
  private final @Nullable Checkpoints checkpoints;
  private final Listeners listeners;
  private final History history;
  private final LossScaler scaler;
  private final Stepper stepper;
  private final Replicas replicas;
  private final TrainedTensors tensors;
  private final Divergence divergence;
  private final Clock clock;
  private RunState state = new RunState();
  private long tokens;

  /** The last step after which tensors were averaged. */
  private long averaged;

  /** Whether one of several processes was to stop. */
  private boolean stopping;

  /** Whether anything has changed since the last checkpoint. */
  private boolean unsaved;

  /** The tensors of the best evaluation, if no checkpoint holds them. */
  private @Nullable Map<String, float[]> best;

  TrainingLoop(TrainingRun run, Replicas replicas) {
    this.settings = run.settings;
    this.stop = run.stop;
    this.model = run.settings.model;
    this.setup = run.setup;
    this.adapter = run.setup.adapter();
    this.checkpoints = run.settings.folder == null ? null : new Checkpoints(run.settings.folder);
    this.listeners = run.listeners;
    this.history = run.history;
    this.clock = run.clock;
    this.scaler = new LossScaler(run.settings.lossScaling());
    this.replicas = replicas;
    this.evaluator = run.setup.evaluator(run.settings).sharing(replicas::measure);
    this.stepper = new Stepper(run.settings, run.setup, replicas, scaler);
    this.tensors = replicas.first().tensors();
    this.divergence = new Divergence(setup, evaluator, tensors, checkpoints);
    state.settings = setup.facts();
  }

  RunState state() {
    return state;
  }

  long tokens() {
    return tokens;
  }

  /**
   * Runs the remaining steps.
   *
   * @return the step whose tensors the adapter has afterwards
   */
  long run() {
    boolean interrupted = false;
    try {
      replicas.members().requireSame(tensors.all(), state.step);
      findMicroBatch();
      betweenSteps(); // an evaluation may have been due when the earlier process ended
      while (!isOver()) {
        step();
        if (Thread
            .interrupted()) { // the interrupt is cleared first, or the checkpoint could not be
          // written
          interrupted = true;
          stop.give();
        }
        stopping = replicas.members().any(stop.isGiven());
        betweenSteps();
      }
      return giveBack();
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** A run that goes on keeps its number of rows, so that dropout draws the same. */
  private void findMicroBatch() {
    if (isOver()) {
      return;
    }
    if (state.rowsAtOnce > 0) {
      setup.plan().rowsAtOnce(state.rowsAtOnce);
    } else if (settings.autoBatchSize) {
      stepper.findMicroBatch(state.step);
    }
    noteRows();
    sayWhoComputes();
  }

  /** Parts that were cut for another number of devices may leave some of these idle. */
  private void sayWhoComputes() {
    int workers = replicas.workers();
    if (workers == 1) {
      return;
    }
    int parts = setup.plan().partsOfStep();
    int rows = setup.plan().rowsAtOnce();
    LOG.info(
        "a step has {} parts of at most {} rows, which {} devices share{}",
        parts,
        rows,
        workers,
        replicas.members().isAlone() ? ": " + settings.devices : "");
    if (parts % workers != 0) {
      LOG.warn(
          "a step has {} parts for {} devices, which leaves {} idle at its end. Take a batchSize that is a"
              + " multiple of {}; a run that goes on from a checkpoint keeps the parts that it began"
              + " with",
          parts,
          workers,
          workers - parts % workers,
          workers);
    }
  }

  /** Batches that are computed as a whole need no number. */
  private void noteRows() {
    int rows = setup.plan().rowsAtOnce();
    state.rowsAtOnce = settings.autoBatchSize || rows < settings.batchSize ? rows : 0;
  }

  /** Whether to stop. A process of several stops when all know of it, after the same step. */
  private boolean isStopping() {
    return replicas.members().isAlone() ? stop.isGiven() : stopping;
  }

  private boolean isOver() {
    return isComplete() || isNoLongerBetter() || isStopping();
  }

  private boolean isComplete() {
    return state.step >= setup.totalSteps();
  }

  Ending ending() {
    return isComplete() ? Ending.COMPLETED : isNoLongerBetter() ? Ending.EARLY : Ending.STOPPED;
  }

  private boolean isNoLongerBetter() {
    return settings.patience > 0 && state.sinceBest >= settings.patience;
  }

  private boolean keepsBest() {
    return settings.keepBest || settings.patience > 0;
  }

  /** Continues from the newest checkpoint, if there is one. */
  void resume() {
    Optional<Checkpoints.Whole> newest =
        checkpoints == null ? Optional.empty() : checkpoints.newestWhole();
    if (newest.isEmpty()) {
      return;
    }
    Checkpoints.Whole last = newest.get();
    SettingsCheck.requireSame(last, setup.facts(), setup.totalSteps());
    history.goOnFrom(last.folder());
    restore(last);
    state = last.state();
    averaged = state.step;
    state.settings = setup.facts();
    if (state.lossScale > 0) {
      scaler.restore(state.lossScale, state.goodSteps);
    }
    if (keepsBest() && state.bestStep > 0 && state.bestStep != state.step) {
      requireBest();
    }
  }

  /** Forgets the best evaluation if its checkpoint is damaged. */
  private void requireBest() {
    try {
      Checkpoints.whole(checkpoints().at(state.bestStep));
    } catch (IllegalArgumentException | UncheckedIOException e) {
      LOG.warn(
          "the checkpoint of the best evaluation, at step {}, is damaged: {}; the best one from"
              + " here on is kept",
          state.bestStep,
          e.getMessage());
      state.forgetBest();
    }
  }

  private Checkpoints checkpoints() {
    return Objects.requireNonNull(checkpoints);
  }

  private void restore(Checkpoints.Whole checkpoint) {
    restore(values -> Checkpoints.read(checkpoint.folder(), values.all()), checkpoint.state().step);
  }

  private void restore(Consumer<TrainedTensors> values, long step) {
    try (Calls.Call alone = setup.training().step()) {
      replicas.restore(values, (int) step, (int) setup.totalSteps());
    }
  }

  private void step() {
    long start = System.nanoTime();
    Stepper.Result result = stepper.step(state.step);
    if (result.overflowed()) {
      passOver(result);
    } else if (!result.isFinite()) {
      skip(result);
    }
    state.step++;
    noteRows();
    state.lossScale = scaler.scale();
    state.goodSteps = scaler.goodSteps();
    state.losses.add(result.loss());
    unsaved = true;
    if (state.step % settings.averageEvery == 0 || isComplete()) {
      average();
    }
    if (result.isFinite() && !tensors.areFinite()) {
      throw diverged(Divergence.NOT_FINITE, "");
    }
    tokens += result.tokens();
    double seconds = (System.nanoTime() - start) / 1e9;
    clock.trained(seconds);
    state.trace(result.rate(), result.norm(), result.tokens() / seconds, result.reported());
    listeners.onStep(
        new StepEvent(
            state.step,
            setup.totalSteps(),
            (double) state.step / setup.plan().stepsPerEpoch(),
            result.loss(),
            result.rate(),
            result.norm(),
            tokens,
            result.tokens() / seconds,
            result.reported()));
    stopIfAsked();
  }

  /** Averages the tensors of the processes, if each trains alone and has made a step since. */
  private void average() {
    if (settings.averageEvery == 1 || averaged == state.step) {
      return;
    }
    averaged = state.step;
    try (Calls.Call alone = setup.training().step()) {
      replicas.average();
    }
  }

  private void stopIfAsked() {
    if (listeners.stops()) {
      stop.give();
    }
  }

  /** Skips a step whose gradient overflowed, which a smaller scale of the loss prevents. */
  private void passOver(Stepper.Result result) {
    LOG.info(
        "step {}: the gradient overflows in float16 (loss {}), so the step is skipped; the scale of"
            + " the loss falls to {}",
        state.step + 1,
        result.loss(),
        scaler.scale());
    stepper.skip(state.step);
    state.skipped.add(state.step + 1);
    state.overflowed.add(state.step + 1);
  }

  /** Skips a step whose gradient is not finite, if that is allowed. */
  private void skip(Stepper.Result result) {
    long step = state.step + 1;
    requireSound(Divergence.seen(step, result));
    if (state.skipped.size() - state.overflowed.size() >= settings.skipNonFinite) {
      throw divergence.ofGradient(step, result, state.skipped, settings.skipNonFinite);
    }
    LOG.warn(
        "{}{}. The step is skipped; skipped so far: {}",
        Divergence.seen(step, result),
        divergence.examples(step),
        state.skipped);
    stepper.skip(step - 1);
    state.skipped.add(step);
  }

  private void requireSound(String seen) {
    stepper
        .fitting(state.step, () -> divergence.ruin(state))
        .ifPresent(
            ruin -> {
              throw diverged(ruin, seen);
            });
  }

  /**
   * The exception for an update that ruined the tensors. The adapter is restored from the last
   * checkpoint.
   */
  private TrainingException diverged(String ruin, String seen) {
    Optional<Checkpoints.Whole> good = lastGood();
    TrainingException error =
        divergence.ofUpdate(state, ruin, seen, good.map(Checkpoints.Whole::folder));
    good.ifPresent(
        whole -> {
          restore(whole);
          state = whole.state();
        });
    return error;
  }

  private Optional<Checkpoints.Whole> lastGood() {
    if (checkpoints == null || checkpoints.newest().isEmpty()) {
      return Optional.empty();
    }
    try {
      return checkpoints.newestWhole();
    } catch (IllegalArgumentException damaged) {
      LOG.warn(damaged.getMessage());
      return Optional.empty();
    }
  }

  /** Evaluates and saves, if that is due. */
  private void betweenSteps() {
    boolean last = state.step == setup.totalSteps();
    boolean epochEnds = state.step % setup.plan().stepsPerEpoch() == 0;
    boolean evaluates =
        !setup.validation().isEmpty()
            && state.step > 0
            && !state.isEvaluated()
            && (last || due(settings.evaluateEvery, epochEnds));
    boolean saves = checkpoints != null && due(settings.checkpointEvery, epochEnds);
    if (unsaved && (evaluates || saves || last || isStopping())) {
      requireSound("");
    }
    if (unsaved && (evaluates || saves)) {
      replicas.bringTogether((int) state.step, (int) setup.totalSteps());
    }
    if (evaluates) {
      evaluate();
    }
    if (checkpoints != null && unsaved && (saves || isOver() || state.bestStep == state.step)) {
      save(checkpoints);
    }
  }

  private boolean due(int every, boolean epochEnds) {
    return every > 0 ? state.step % every == 0 : epochEnds;
  }

  private void evaluate() {
    average();
    Supplier<Optional<Metrics>> measures =
        () -> evaluator.evaluate(setup.validation(), stop::isByShutdown);
    Supplier<Optional<Metrics>> fitting =
        () ->
            settings.evaluationBatchSize > 0
                ? measures.get() // of the size that was asked for
                : stepper.fitting(state.step, measures);
    Optional<Metrics> measured =
        replicas.members().ofFirst(() -> fitting.get().map(Metrics::values)).map(Metrics::new);
    if (measured.isEmpty()) {
      return;
    }
    Metrics metrics = measured.get();
    state.evaluated(metrics, setup.metric(), setup.measures().isLowerBetter(setup.metric()));
    unsaved = true;
    if (checkpoints == null && keepsBest() && state.bestStep == state.step) {
      best = tensors.copy();
    }
    listeners.onEvaluation(new EvaluationEvent(state.step, metrics));
    stopIfAsked();
  }

  private void save(Checkpoints checkpoints) {
    state.seconds = clock.total();
    history.record(setup.training(), state, state.step, state.seconds);
    average();
    replicas.members().requireSame(tensors.all(), state.step);
    checkpoints.write(model, adapter.name(), tensors.all(), state);
    unsaved = false;
    listeners.onCheckpoint(new CheckpointEvent(state.step, checkpoints.at(state.step)));
  }

  /** A shutdown loses what is not saved. A listener that stops wants what it stops with. */
  private void sayStopped() {
    String saved =
        divergence.saved() + (checkpoints == null ? "" : ": the same lines go on from there");
    if (stop.isByShutdown()) {
      LOG.warn(
          "the JVM's shutdown ended the training after step {} of {}; {}",
          state.step,
          setup.totalSteps(),
          saved);
    } else {
      LOG.info(
          "the training was asked to stop and ended after step {} of {}{}",
          state.step,
          setup.totalSteps(),
          checkpoints == null ? "" : "; " + saved);
    }
  }

  /**
   * Gives the adapter the tensors that the run ends with.
   *
   * @return the step of these tensors
   */
  private long giveBack() {
    if (state.step < setup.totalSteps() && isStopping()) {
      sayStopped();
    }
    if (keepsBest() && state.bestStep < 0 && !state.evaluations.isEmpty()) {
      LOG.warn(
          "no evaluation has a finite {} and loss, so that none is the best: the adapter keeps the"
              + " tensors of step {}",
          setup.metric(),
          state.step);
    }
    if (!keepsBest() || state.bestStep <= 0 || state.bestStep == state.step) {
      return state.step;
    }
    restore(
        values -> {
          if (checkpoints != null) {
            Checkpoints.read(checkpoints.at(state.bestStep), values.all());
          } else if (best != null) {
            values.set(best);
          }
        },
        state.bestStep);
    return state.bestStep;
  }
}
