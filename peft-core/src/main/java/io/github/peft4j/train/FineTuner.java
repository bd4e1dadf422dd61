package io.github.peft4j.train;

import io.github.peft4j.PeftModel;
import io.github.peft4j.data.Examples;
import io.github.peft4j.train.optimizer.LearningRateSchedule;
import io.github.peft4j.train.report.TrainingListener;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Trains the active adapter of a model on examples.
 *
 * <pre>{@code
 * TrainingReport report = FineTuner.of(model)
 *     .on(JsonLines.read("train.jsonl").prompt("question").answer("answer"))
 *     .validateOn(JsonLines.read("dev.jsonl").prompt("question").answer("answer"))
 *     .epochs(3).batchSize(8).learningRate(2e-4).warmup(0.03)
 *     .checkpointTo("runs/support")
 *     .run();
 * }</pre>
 *
 * <p>The same settings, seed and machine give the same losses. A run that was killed goes on from
 * its last checkpoint when the same lines run again, with the losses that it would have had: see
 * {@link #checkpointTo(Path)}.
 *
 * <p>If the JVM is told to end in the middle of a run (SIGTERM, SIGINT, {@code System.exit}), the
 * run ends its step and writes a checkpoint first: see {@link #shutdownWait}. {@link #stop} ends a
 * run in the same way.
 */
public final class FineTuner {

  final PeftModel model;
  @Nullable Examples<?> training;
  @Nullable Examples<?> validation;
  int epochs = 3;
  long steps;
  int batchSize = 8;
  int accumulation = 1;
  int maxLength;
  double learningRate = 2e-4;
  double warmup;
  String scheduleName = "linear";
  @Nullable LongFunction<LearningRateSchedule> schedule;
  double weightDecay = 0.01;
  TrainingRule rule = TrainingRule.ALIKE;
  double clipNorm = 1.0;
  long seed = 42;
  boolean bucketing;
  boolean recompute;
  int evaluateEvery;
  int evaluationBatchSize;
  int checkpointEvery;
  @Nullable Path folder;
  int patience;
  boolean keepBest;
  int skipNonFinite;
  boolean skipTooLong;
  Duration shutdownWait = Duration.ofSeconds(20);
  @Nullable String metric;
  boolean quiet;
  final List<TrainingListener> listeners = new ArrayList<>();
  private final Set<StopSignal> running = ConcurrentHashMap.newKeySet();

  private FineTuner(PeftModel model) {
    this.model = model;
  }

  /** A training of this model's active adapter. */
  public static FineTuner of(PeftModel model) {
    return new FineTuner(model);
  }

  /** What to train on. */
  public FineTuner on(Examples<?> examples) {
    this.training = examples;
    return this;
  }

  /**
   * What to measure the model on, after each epoch unless {@link #evaluateEvery} says otherwise.
   */
  public FineTuner validateOn(Examples<?> examples) {
    this.validation = examples;
    return this;
  }

  /**
   * How often to go over the data; the default is 3.
   *
   * <p>A run that goes on from a checkpoint may have more epochs than when it was begun, or fewer.
   * Its losses so far stay as they are. From there on the learning rate is that of a run of the new
   * length: after a linear schedule that had come near 0, it rises again.
   */
  public FineTuner epochs(int epochs) {
    this.epochs = positive("epochs", epochs);
    return this;
  }

  /** How many optimizer steps to make, instead of epochs; otherwise as {@link #epochs}. */
  public FineTuner steps(long steps) {
    this.steps = positive("steps", steps);
    return this;
  }

  /** Examples of a forward pass; the default is 8. */
  public FineTuner batchSize(int batchSize) {
    this.batchSize = positive("batchSize", batchSize);
    return this;
  }

  /** How many batches make one optimizer step; the default is 1. */
  public FineTuner accumulate(int batches) {
    this.accumulation = positive("accumulate", batches);
    return this;
  }

  /**
   * Tokens that an example may have; the default is the model's positions, but at most 512. Where
   * the adapter puts virtual tokens in front, examples have as many fewer positions.
   *
   * <p>Longer texts lose tokens at their end, longer prompts at their start. A warning and {@link
   * TrainingReport#truncated} say how many did. An answer is never cut by a decoder: one that does
   * not fit is refused, see {@link #skipTooLong}.
   */
  public FineTuner maxLength(int tokens) {
    this.maxLength = positive("maxLength", tokens);
    return this;
  }

  /**
   * Leaves out examples whose answers do not fit into {@link #maxLength}, in training and
   * validation. By default a decoder's training refuses them, naming the first, and an
   * encoder-decoder's cuts them. A warning and {@link TrainingReport#truncated} say how many were
   * left out.
   */
  public FineTuner skipTooLong() {
    this.skipTooLong = true;
    return this;
  }

  /** The highest learning rate; the default is 2e-4. */
  public FineTuner learningRate(double rate) {
    this.learningRate = finite("learningRate", rate, rate > 0, "above 0");
    return this;
  }

  /** The part of all steps over which the rate rises, in [0, 1]; the default is 0. */
  public FineTuner warmup(double fraction) {
    LearningRateSchedule.warmupSteps(fraction, 1); // checks
    this.warmup = fraction;
    return this;
  }

  /** The rate falls along a cosine and not linearly. */
  public FineTuner cosine() {
    this.scheduleName = "cosine";
    return this;
  }

  /** The rate stays after the warm-up. */
  public FineTuner constant() {
    this.scheduleName = "constant";
    return this;
  }

  /**
   * A schedule of your own.
   *
   * @param schedule from the number of all steps
   */
  public FineTuner schedule(LongFunction<LearningRateSchedule> schedule) {
    this.schedule = schedule;
    this.scheduleName = "custom";
    return this;
  }

  /** AdamW's weight decay; the default is PyTorch's, 0.01. */
  public FineTuner weightDecay(double decay) {
    this.weightDecay = finite("weightDecay", decay, decay >= 0, "from 0 on");
    return this;
  }

  /** How single tensors are trained, such as LoRA+ and LoRA-FA have it; by default all alike. */
  public FineTuner rule(TrainingRule rule) {
    this.rule = rule;
    return this;
  }

  /** The largest norm of all gradients together; the default is 1; 0 is for any. */
  public FineTuner clip(double norm) {
    this.clipNorm = finite("clip", norm, norm >= 0, "from 0 on");
    return this;
  }

  /**
   * Skips steps whose loss or gradient is not finite, instead of ending the run: their update is
   * not made, the step and its learning rate count. A warning names the examples of each, and
   * {@link TrainingReport#skippedSteps} the steps. A step whose update ruined the adapter's tensors
   * is never skipped: it ends the run.
   *
   * @param atMost how many steps of a run may be skipped; the default is 0
   */
  public FineTuner skipNonFinite(int atMost) {
    this.skipNonFinite = positive("skipNonFinite", atMost);
    return this;
  }

  /** Seed of the order of examples and of dropout; the default is 42. */
  public FineTuner seed(long seed) {
    this.seed = seed;
    return this;
  }

  /**
   * Whether batches are made of examples of like length, with less padding; off by default, as in
   * Hugging Face's Trainer. It is faster where lengths differ much, but such batches are no random
   * samples, and models come out a little worse.
   */
  public FineTuner bucketByLength(boolean on) {
    this.bucketing = on;
    return this;
  }

  /** Whether layers run again in the backward pass instead of being kept: less memory. */
  public FineTuner recompute(boolean on) {
    this.recompute = on;
    return this;
  }

  /**
   * Examples of a batch in evaluations. By default a batch has at most as many tokens as the
   * largest of training can have, padding included, so that evaluation fits where training does.
   */
  public FineTuner evaluationBatchSize(int batchSize) {
    this.evaluationBatchSize = positive("evaluationBatchSize", batchSize);
    return this;
  }

  /** Steps between evaluations. */
  public FineTuner evaluateEvery(int steps) {
    this.evaluateEvery = positive("evaluateEvery", steps);
    return this;
  }

  /** Where checkpoints go; otherwise as {@link #checkpointTo(Path)}. */
  public FineTuner checkpointTo(String folder) {
    return checkpointTo(Path.of(folder));
  }

  /**
   * Where checkpoints go. One is written after each epoch, unless {@link #checkpointEvery} says
   * otherwise, after the best evaluation so far and at the end. The newest, the one before it and
   * the best are kept.
   *
   * <p>A run whose folder has checkpoints goes on from the newest that is whole; one that is
   * damaged is passed over with a warning. The base model is known by its weights' hash, wherever
   * it lies. Settings, adapter and examples have to be those of the run; the number of epochs or
   * steps may be another. To train with other settings from there, load the folder {@code
   * checkpoint-N} as an adapter and take another folder.
   *
   * <p>No checkpoint is written of tensors that are not finite or whose loss is not.
   */
  public FineTuner checkpointTo(Path folder) {
    this.folder = folder;
    return this;
  }

  /** Steps between checkpoints. */
  public FineTuner checkpointEvery(int steps) {
    this.checkpointEvery = positive("checkpointEvery", steps);
    return this;
  }

  /**
   * Ends the training when evaluations no longer get better. However it ends, the adapter is that
   * of the best evaluation: see {@link #keepBest}.
   *
   * @param evaluations without a new best, after which to stop
   */
  public FineTuner stopEarly(int evaluations) {
    this.patience = positive("stopEarly", evaluations);
    return this;
  }

  /**
   * Gives the adapter of the best evaluation back, not that of the last step. Without {@link
   * #checkpointTo(Path)} its tensors are kept in Java's memory until then.
   */
  public FineTuner keepBest() {
    this.keepBest = true;
    return this;
  }

  /**
   * Which metric of {@link #validateOn} is to get better: {@code loss}, {@code accuracy} or {@code
   * macro_f1} of classifiers, {@code loss} or {@code perplexity} of language models. The default is
   * accuracy of classifiers and loss of language models.
   */
  public FineTuner metric(String name) {
    this.metric = name;
    return this;
  }

  /** Somebody to be told. */
  public FineTuner listener(TrainingListener listener) {
    listeners.add(listener);
    return this;
  }

  /** No progress bar. */
  public FineTuner quiet() {
    this.quiet = true;
    return this;
  }

  /**
   * How long the JVM's shutdown waits for a run to end its step and to write a checkpoint. PyTorch
   * must not compute when the process ends, or the process may crash. If the time is not enough,
   * the process is halted with exit status 1, without the shutdown hooks that are still running.
   * The thread that trained is held until the process ends, for as long at most.
   *
   * @param longest the default is 20 s; zero for a run that does not care for shutdowns
   */
  public FineTuner shutdownWait(Duration longest) {
    if (longest.isNegative()) {
      throw new IllegalArgumentException("shutdownWait is " + longest + ", expected 0 or more");
    }
    this.shutdownWait = longest;
    return this;
  }

  /**
   * Asks the runs that are under way to end after their present step. A run then evaluates if that
   * is due, writes a checkpoint if it has a folder, and returns its report; the same lines go on
   * from there. Any thread may call this, and so may a {@link TrainingListener}. An interrupt of
   * the thread that trains does the same. Without a run it does nothing.
   */
  public void stop() {
    running.forEach(StopSignal::give);
  }

  /**
   * Trains, or goes on training.
   *
   * @return what came of it
   * @throws TrainingException if a loss, a gradient or the adapter's tensors are not finite
   * @throws IllegalArgumentException if settings, data, model and checkpoints do not fit together,
   *     or if there are checkpoints and all are damaged
   */
  public TrainingReport run() {
    StopSignal stop = new StopSignal();
    running.add(stop);
    try {
      return TrainingRun.run(this, stop);
    } finally {
      running.remove(stop);
    }
  }

  private static int positive(String name, long value) {
    if (value < 1 || value > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          name + " is " + value + ", expected 1 or more, but at most " + Integer.MAX_VALUE);
    }
    return (int) value;
  }

  private static double finite(String name, double value, boolean fine, String expected) {
    if (!fine || !Double.isFinite(value)) {
      throw new IllegalArgumentException(
          name + " is " + value + ", expected a finite number " + expected);
    }
    return value;
  }
}
