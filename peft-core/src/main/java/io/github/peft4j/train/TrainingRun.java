package io.github.peft4j.train;

import io.github.peft4j.Adapter;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.EncodedDataset;
import io.github.peft4j.train.TrainingReport.Ending;
import io.github.peft4j.tuner.Trainable;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One run of a {@link FineTuner}: the loop over steps, and what happens between them. */
final class TrainingRun {

  private static final Logger LOG = LoggerFactory.getLogger(TrainingRun.class);
  private static final String ADVICE =
      ". Lower the learning rate, add a warm-up, or clip gradients";

  private final FineTuner settings;
  private final StopSignal stop;
  private final PeftModel model;
  private final TrainingSetup setup;
  private final Adapter adapter;
  private final Evaluator evaluator;
  private final @Nullable Checkpoints checkpoints;
  private final Listeners listeners;
  private final History history;
  private RunState state = new RunState();
  private final Clock clock = new Clock();
  private long tokens;

  /** Whether something has happened since the last checkpoint. */
  private boolean unsaved;

  /** Whether the thread was interrupted, which files could not be written with. */
  private boolean wasInterrupted;

  /** The tensors of the best evaluation, where no checkpoint holds them. */
  private @Nullable Map<String, float[]> best;

  TrainingRun(FineTuner settings, StopSignal stop) {
    this.settings = settings;
    this.stop = stop;
    this.model = settings.model;
    this.setup = TrainingSetup.of(settings);
    this.adapter = setup.adapter();
    this.evaluator = setup.evaluator(settings);
    this.checkpoints = settings.folder == null ? null : new Checkpoints(settings.folder);
    this.history = new History(settings.seed, setup);
    List<TrainingListener> told = new ArrayList<>(settings.listeners);
    if (!settings.quiet) {
      told.add(0, new ProgressBar());
    }
    this.listeners = new Listeners(told);
    state.settings = setup.facts();
  }

  TrainingReport run() {
    try (ShutdownGuard guard = new ShutdownGuard(stop, settings.shutdownWait)) {
      return report(train());
    } finally {
      if (wasInterrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** Trains, and says of which step the adapter is afterwards. */
  private long train() {
    List<Trainable> trainables = adapter.trainables();
    List<Trainable> resting =
        trainables.stream()
            .filter(t -> !setup.groups().containsKey(t) && t.value().hasGradient())
            .toList();
    boolean begun = false;
    long kept = -1;
    resting.forEach(tensor -> tensor.freeze(true));
    trainables.forEach(Trainable::clearGradient); // another's loop may have left some
    try (AdamW optimizer = new AdamW(setup.groups(), settings.learningRate);
        TrainingRule.Correction correction = settings.rule.correction(adapter);
        TrainedTensors tensors = new TrainedTensors(adapter, optimizer)) {
      resume(tensors);
      clock.start(state.seconds);
      listeners.onStart(new StartEvent(state.step, setup.totalSteps(), setup.epochs()));
      begun = true;
      Stepper stepper = new Stepper(settings, setup, optimizer, correction);
      betweenSteps(tensors); // an evaluation that was due when the former process ended
      while (!isOver()) {
        requireStillThere();
        step(stepper, tensors);
        if (Thread.interrupted()) {
          wasInterrupted = true;
          stop.give();
        }
        betweenSteps(tensors);
      }
      kept = giveBack(tensors);
    } finally {
      if (state.step > 0) {
        history.record(adapter, state, kept < 0 ? state.step : kept, clock.total());
      }
      resting.forEach(tensor -> tensor.freeze(false));
      trainables.forEach(Trainable::clearGradient);
      adapter.afterTraining();
      if (begun) {
        listeners.onEnd(new EndEvent(state.step, tokens, clock.seconds()));
      }
    }
    return kept;
  }

  private TrainingReport report(long kept) {
    return new TrainingReport(
        state.step,
        state.losses,
        state.evaluations.stream()
            .map(e -> new EvaluationEvent(e.step, new Metrics(e.metrics)))
            .toList(),
        state.bestStep,
        kept,
        ending(),
        state.skipped,
        setup.truncated(),
        setup.validationTruncated(),
        tokens,
        clock.seconds(),
        tokens / Math.max(1e-9, clock.trainingSeconds()));
  }

  private boolean isOver() {
    return isComplete() || isNoLongerBetter() || stop.isGiven();
  }

  private boolean isComplete() {
    return state.step >= setup.totalSteps();
  }

  private Ending ending() {
    return isComplete() ? Ending.COMPLETED : isNoLongerBetter() ? Ending.EARLY : Ending.STOPPED;
  }

  private boolean isNoLongerBetter() {
    return settings.patience > 0 && state.sinceBest >= settings.patience;
  }

  private boolean keepsBest() {
    return settings.keepBest || settings.patience > 0;
  }

  private void requireStillThere() {
    if (model.isMerged() || model.adapters().get(adapter.name()) != adapter) {
      throw new IllegalStateException(
          "adapter '"
              + adapter.name()
              + "' was removed or merged at step "
              + state.step
              + ", while it was being trained; change a model's adapters when the run has ended");
    }
  }

  private void resume(TrainedTensors tensors) {
    Optional<Checkpoints.Whole> newest =
        checkpoints == null ? Optional.empty() : checkpoints.newestWhole();
    if (newest.isEmpty()) {
      return;
    }
    Checkpoints.Whole last = newest.get();
    SettingsCheck.requireSame(last, setup.facts(), setup.totalSteps());
    history.goOnFrom(last.folder());
    restore(last, tensors);
    state = last.state();
    state.settings = setup.facts();
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

  private void restore(Checkpoints.Whole checkpoint, TrainedTensors tensors) {
    Checkpoints.read(checkpoint.folder(), tensors.all());
    adapter.resumed((int) checkpoint.state().step, (int) setup.totalSteps());
  }

  private void step(Stepper stepper, TrainedTensors tensors) {
    long start = System.nanoTime();
    Stepper.Result result = stepper.step(state.step);
    if (!result.isFinite()) {
      skip(stepper, result, tensors);
    }
    state.step++;
    state.losses.add(result.loss());
    unsaved = true;
    if (result.isFinite() && !tensors.areFinite()) {
      throw diverged(tensors, "tensors that are not finite", "");
    }
    tokens += result.tokens();
    double seconds = (System.nanoTime() - start) / 1e9;
    clock.trained(seconds);
    listeners.onStep(
        new StepEvent(
            state.step,
            setup.totalSteps(),
            (double) state.step / setup.plan().stepsPerEpoch(),
            result.loss(),
            result.rate(),
            result.norm(),
            tokens,
            result.tokens() / seconds));
  }

  /** Passes over a step whose gradient is not finite, if that is allowed. */
  private void skip(Stepper stepper, Stepper.Result result, TrainedTensors tensors) {
    long step = state.step + 1;
    String what =
        "step %d: the loss is %s and the norm of its gradient %s"
            .formatted(step, result.loss(), result.norm());
    ruin(tensors)
        .ifPresent(
            ruin -> {
              throw diverged(tensors, ruin, what + ". ");
            });
    String examples =
        "The batches are made of examples "
            + setup.plan().positions(setup.plan().examples(step - 1));
    if (state.skipped.size() >= settings.skipNonFinite) {
      throw new TrainingException(
          what
              + ". "
              + examples
              + ". The tensors are those before the step; "
              + saved()
              + ". Look at those examples; skipNonFinite(atMost) passes over such steps, and a lower"
              + " learning rate or a warm-up may prevent them"
              + (settings.skipNonFinite == 0
                  ? ""
                  : "; skipNonFinite allows %d, and there were as many: %s"
                      .formatted(settings.skipNonFinite, state.skipped)));
    }
    LOG.warn("{}. {}. The step is skipped; skipped so far: {}", what, examples, state.skipped);
    stepper.skip(step - 1);
    state.skipped.add(step);
  }

  /** In which way the last update ruined the tensors, if it did. */
  private Optional<String> ruin(TrainedTensors tensors) {
    if (!tensors.areFinite()) {
      return Optional.of("tensors that are not finite");
    }
    long last = state.lastUpdate();
    if (last == 0) {
      return Optional.empty();
    }
    boolean computes = evaluator.isFinite(setup.plan().firstBatch(last - 1));
    return computes ? Optional.empty() : Optional.of("tensors whose loss is not finite");
  }

  /** The last update ruined the tensors: the adapter goes back to the last checkpoint. */
  private TrainingException diverged(TrainedTensors tensors, String ruin, String seen) {
    long step = state.lastUpdate();
    String reason =
        "%sThe training diverged: the update of step %d, at learning rate %s, left %s. Its batches are made of examples %s. "
            .formatted(
                seen,
                step,
                setup.rate(step - 1),
                ruin,
                setup.plan().positions(setup.plan().examples(step - 1)));
    Optional<Checkpoints.Whole> good = lastGood();
    if (good.isEmpty()) {
      return new TrainingException(
          reason + "The adapter holds these tensors: load it or adapt again; " + saved() + ADVICE);
    }
    restore(good.get(), tensors);
    state = good.get().state();
    return new TrainingException(
        reason
            + "The adapter is back at "
            + good.get().folder()
            + ADVICE
            + ". To go on from there with other settings, loadAdapter(\""
            + good.get().folder()
            + "\") and train it with another folder");
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

  private String saved() {
    if (checkpoints == null) {
      return "nothing was saved, since checkpointTo(folder) was not called";
    }
    return "the last checkpoint is "
        + checkpoints.newest().map(Object::toString).orElse("not yet written");
  }

  /** Evaluates and saves, where that is due. */
  private void betweenSteps(TrainedTensors tensors) {
    boolean last = state.step == setup.totalSteps();
    boolean epochEnds = state.step % setup.plan().stepsPerEpoch() == 0;
    EncodedDataset validation = setup.validation();
    boolean evaluates =
        validation != null
            && state.step > 0
            && !state.isEvaluated()
            && (last || due(settings.evaluateEvery, epochEnds));
    boolean saves = checkpoints != null && due(settings.checkpointEvery, epochEnds);
    if (unsaved && (evaluates || saves || last || stop.isGiven())) {
      ruin(tensors)
          .ifPresent(
              ruin -> {
                throw diverged(tensors, ruin, "");
              });
    }
    if (evaluates && validation != null) {
      evaluate(validation, tensors);
    }
    if (checkpoints != null && unsaved && (saves || isOver() || state.bestStep == state.step)) {
      save(checkpoints, tensors);
    }
  }

  private boolean due(int every, boolean epochEnds) {
    return every > 0 ? state.step % every == 0 : epochEnds;
  }

  private void evaluate(EncodedDataset data, TrainedTensors tensors) {
    Optional<Metrics> measured = evaluator.evaluate(data, stop::isByShutdown);
    if (measured.isEmpty()) {
      return;
    }
    Metrics metrics = measured.get();
    state.evaluated(metrics, setup.metric());
    unsaved = true;
    if (checkpoints == null && keepsBest() && state.bestStep == state.step) {
      best = tensors.copy();
    }
    listeners.onEvaluation(new EvaluationEvent(state.step, metrics));
  }

  private void save(Checkpoints checkpoints, TrainedTensors tensors) {
    state.seconds = clock.total();
    history.record(adapter, state, state.step, state.seconds);
    checkpoints.write(model, adapter.name(), tensors.all(), state);
    unsaved = false;
  }

  /**
   * Sets the adapter to what the run gives back.
   *
   * @return the step that it is of
   */
  private long giveBack(TrainedTensors tensors) {
    if (state.step < setup.totalSteps() && stop.isGiven()) {
      LOG.warn(
          "the training was stopped{} after step {} of {}; {}",
          stop.isByShutdown() ? " by the JVM's shutdown" : "",
          state.step,
          setup.totalSteps(),
          saved() + (checkpoints == null ? "" : ": the same lines go on from there"));
    }
    if (!keepsBest() || state.bestStep <= 0 || state.bestStep == state.step) {
      return state.step;
    }
    if (checkpoints != null) {
      Checkpoints.read(checkpoints.at(state.bestStep), tensors.all());
    } else if (best != null) {
      tensors.set(best);
    }
    adapter.resumed((int) state.bestStep, (int) setup.totalSteps());
    return state.bestStep;
  }
}
