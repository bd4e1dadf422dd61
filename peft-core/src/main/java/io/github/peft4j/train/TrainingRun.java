package io.github.peft4j.train;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.Adapter;
import io.github.peft4j.AdapterTraining;
import io.github.peft4j.PeftModel;
import io.github.peft4j.Provenance;
import io.github.peft4j.data.Batch;
import io.github.peft4j.data.EncodedDataset;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.transformer.Targets;
import io.github.peft4j.tuner.Calls;
import io.github.peft4j.tuner.Trainable;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** One run of a {@link FineTuner}: the loop over steps, and what happens between them. */
final class TrainingRun {

  private final FineTuner settings;
  private final PeftModel model;
  private final TrainingSetup setup;
  private final Adapter adapter;
  private final AdapterTraining training;
  private final Evaluator evaluator;
  private final @Nullable Checkpoints checkpoints;
  private final Listeners listeners;
  private final List<Provenance.Training> earlier;
  private RunState state = new RunState();
  private long tokens;
  private double trainingSeconds;

  private TrainingRun(FineTuner settings, AdapterTraining training) {
    this.settings = settings;
    this.model = settings.model;
    this.training = training;
    this.adapter = training.adapter();
    this.setup = TrainingSetup.of(settings, training);
    this.earlier = adapter.trainings();
    this.evaluator = new Evaluator(training, Math.max(32, settings.batchSize), setup.maxLength());
    this.checkpoints = settings.folder == null ? null : new Checkpoints(settings.folder);
    List<TrainingListener> told = new ArrayList<>(settings.listeners);
    if (!settings.quiet) {
      told.add(0, new ProgressBar());
    }
    this.listeners = new Listeners(told);
    state.settings = setup.facts();
  }

  static TrainingReport run(FineTuner settings) {
    Adapter adapter = TrainingSetup.theAdapter(settings.model);
    try (AdapterTraining training = settings.model.train(adapter.name())) {
      return new TrainingRun(settings, training).run();
    }
  }

  private TrainingReport run() {
    long start = System.nanoTime();
    List<Trainable> resting =
        adapter.trainables().stream()
            .filter(t -> !setup.groups().containsKey(t) && t.value().hasGradient())
            .toList();
    resting.forEach(tensor -> tensor.freeze(true));
    try (AdamW optimizer = new AdamW(setup.groups(), settings.learningRate);
        TrainingRule.Correction correction = settings.rule.correction(adapter)) {
      Map<String, NDArray> tensors = tensors(optimizer);
      resume(tensors);
      double before = state.seconds;
      StartEvent begin = new StartEvent(state.step, setup.totalSteps(), setup.epochs());
      listeners.onStart(begin);
      Backpropagation backpropagation = new Backpropagation(training, settings.recompute);
      while (state.step < setup.totalSteps() && !stoppedEarly()) {
        step(backpropagation, optimizer, correction);
        boolean epochEnds = state.step % setup.plan().stepsPerEpoch() == 0;
        boolean last = state.step == setup.totalSteps();
        EncodedDataset validation = setup.validation();
        if (validation != null && (last || due(settings.evaluateEvery, epochEnds))) {
          evaluate(validation);
        }
        if (checkpoints != null
            && (last
                || stoppedEarly()
                || due(settings.checkpointEvery, epochEnds)
                || state.bestStep == state.step)) {
          state.seconds = before + (System.nanoTime() - start) / 1e9;
          record(state.step, state.seconds);
          checkpoints.write(model, adapter.name(), tensors, state);
        }
      }
      long kept = state.step;
      if (settings.patience > 0 && checkpoints != null && state.bestStep > 0) {
        restore(checkpoints.at(state.bestStep), tensors, state.bestStep);
        kept = state.bestStep;
      }
      record(kept, before + (System.nanoTime() - start) / 1e9);
    } finally {
      resting.forEach(tensor -> tensor.freeze(false));
      listeners.onEnd(new EndEvent(state.step, tokens, (System.nanoTime() - start) / 1e9));
    }
    double seconds = (System.nanoTime() - start) / 1e9;
    return new TrainingReport(
        state.step,
        state.losses,
        state.evaluations.stream()
            .map(e -> new EvaluationEvent(e.step, new Metrics(e.metrics)))
            .toList(),
        state.bestStep,
        tokens,
        seconds,
        tokens / Math.max(1e-9, trainingSeconds));
  }

  /** Notes with the adapter that it has been trained so, up to a step. */
  private void record(long step, double seconds) {
    Map<String, String> facts = new TreeMap<>(state.settings);
    facts.keySet().removeAll(Set.of("adapter", "base_model", "data_sha256", "seed"));
    Provenance.Training now =
        new Provenance.Training(
            Objects.requireNonNull(state.settings.get("data_sha256")),
            settings.seed,
            facts,
            step,
            setup.totalSteps(),
            step > 0 ? state.losses.get((int) step - 1) : Double.NaN,
            state.evaluations.stream()
                .filter(evaluation -> evaluation.step == step)
                .findFirst()
                .map(evaluation -> evaluation.metrics)
                .orElse(Map.of()),
            Instant.parse(state.started),
            seconds);
    training.record(Stream.concat(earlier.stream(), Stream.of(now)).toList());
  }

  private boolean due(int every, boolean epochEnds) {
    return every > 0 ? state.step % every == 0 : epochEnds;
  }

  private boolean stoppedEarly() {
    return settings.patience > 0 && state.sinceBest >= settings.patience;
  }

  /** All that a step changes, by name. */
  private Map<String, NDArray> tensors(AdamW optimizer) {
    Map<String, NDArray> tensors = new LinkedHashMap<>();
    List<Trainable> trainables = adapter.trainables();
    for (int i = 0; i < trainables.size(); i++) {
      tensors.put(i + ".parameter", trainables.get(i).value());
    }
    tensors.putAll(optimizer.state());
    tensors.putAll(training.methodState());
    return tensors;
  }

  private void resume(Map<String, NDArray> tensors) {
    Optional<Path> last = checkpoints == null ? Optional.empty() : checkpoints.last();
    if (last.isEmpty()) {
      return;
    }
    RunState saved = Checkpoints.state(last.get());
    state.settings.forEach(
        (name, value) -> {
          if (!value.equals(saved.settings.get(name))) {
            throw new IllegalArgumentException(
                last.get()
                    + " belongs to a run with another "
                    + name
                    + ": "
                    + saved.settings.get(name)
                    + ", now "
                    + value
                    + ". To go on, take the same settings; for a new run, take another folder");
          }
        });
    restore(last.get(), tensors, saved.step);
    state = saved;
  }

  private void restore(Path checkpoint, Map<String, NDArray> tensors, long step) {
    try (Calls.Call alone = training.step()) {
      Checkpoints.read(checkpoint, tensors);
      training.resumed((int) step, (int) setup.totalSteps());
    }
  }

  private long labels(Batch batch) {
    return model.base().count(BatchFeed.targets(model.base(), batch), training.active());
  }

  private void step(
      Backpropagation backpropagation, AdamW optimizer, TrainingRule.Correction correction) {
    long start = System.nanoTime();
    List<int[]> examples = setup.plan().examples(state.step);
    List<Batch> batches = setup.plan().batches(examples);
    long[] counts = batches.stream().mapToLong(this::labels).toArray();
    long labels = Arrays.stream(counts).sum();
    double sum = 0;
    double penalty;
    double norm;
    double rate = setup.rate(state.step);
    try (Calls.Call alone = training.step();
        Scope scope = new Scope()) {
      for (int i = 0; i < batches.size(); i++) {
        Batch batch = batches.get(i);
        Targets targets = BatchFeed.targets(model.base(), batch);
        if (counts[i] > 0) {
          long seed = (settings.seed * 1_000_003 + state.step) * 1_000_003 + i;
          sum +=
              backpropagation.run(
                  BatchFeed.input(model.base(), batch), targets, 1.0 / labels, seed);
        }
        tokens += batch.tokens();
      }
      penalty = backpropagation.penalty();
      norm = optimizer.clip(settings.clipNorm);
      requireFinite(sum + penalty, norm, examples);
      correction.correct();
      optimizer.update(rate);
      training.afterStep((int) state.step + 1, (int) setup.totalSteps());
      optimizer.clear();
    }
    state.step++;
    double loss = sum / Math.max(1, labels) + penalty;
    state.losses.add(loss);
    double seconds = (System.nanoTime() - start) / 1e9;
    trainingSeconds += seconds;
    long stepTokens = batches.stream().mapToLong(Batch::tokens).sum();
    StepEvent event =
        new StepEvent(
            state.step,
            setup.totalSteps(),
            (double) state.step / setup.plan().stepsPerEpoch(),
            loss,
            rate,
            norm,
            stepTokens,
            stepTokens / seconds);
    listeners.onStep(event);
  }

  private void requireFinite(double loss, double norm, List<int[]> examples) {
    if (Double.isFinite(loss) && Double.isFinite(norm)) {
      return;
    }
    throw new TrainingException(
        "step "
            + (state.step + 1)
            + ": the loss is "
            + loss
            + " and the norm of its gradient "
            + norm
            + ". The batch is made of examples "
            + examples.stream().map(Arrays::toString).toList()
            + ". The tensors are those before the step; "
            + (checkpoints == null
                ? "nothing was saved, since checkpointTo(folder) was not called"
                : "the last checkpoint is "
                    + checkpoints.last().map(Path::toString).orElse("not yet written"))
            + ". Try a lower learning rate, a warm-up, or look at those examples");
  }

  private void evaluate(EncodedDataset data) {
    Metrics metrics = evaluator.evaluate(data);
    state.evaluated(metrics, setup.metric());
    listeners.onEvaluation(new EvaluationEvent(state.step, metrics));
  }
}
