package io.github.peft4j.train;

import io.github.peft4j.PeftModel;
import io.github.peft4j.data.Examples;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
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
 * its last checkpoint when the same lines run again, with the losses it would have had.
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
  int checkpointEvery;
  @Nullable Path folder;
  int patience;
  @Nullable String metric;
  boolean quiet;
  final List<TrainingListener> listeners = new ArrayList<>();

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

  /** How often to go over the data; 3 unless said otherwise. */
  public FineTuner epochs(int epochs) {
    this.epochs = positive("epochs", epochs);
    return this;
  }

  /** How many optimizer steps to make, instead of epochs. */
  public FineTuner steps(long steps) {
    this.steps = positive("steps", steps);
    return this;
  }

  /** Examples a forward pass; 8 unless said otherwise. */
  public FineTuner batchSize(int batchSize) {
    this.batchSize = positive("batchSize", batchSize);
    return this;
  }

  /** How many batches make one optimizer step; 1 unless said otherwise. */
  public FineTuner accumulate(int batches) {
    this.accumulation = positive("accumulate", batches);
    return this;
  }

  /**
   * Tokens that an example may have; the model's positions, but at most 512, unless said. Where the
   * adapter puts virtual tokens in front, examples have as many fewer positions.
   */
  public FineTuner maxLength(int tokens) {
    this.maxLength = positive("maxLength", tokens);
    return this;
  }

  /** The highest learning rate; 2e-4 unless said otherwise. */
  public FineTuner learningRate(double rate) {
    this.learningRate = finite("learningRate", rate, rate > 0, "above 0");
    return this;
  }

  /** The part of all steps over which the rate rises, in [0, 1]; 0 unless said otherwise. */
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

  /** AdamW's weight decay; 0.01, PyTorch's default, unless said otherwise. */
  public FineTuner weightDecay(double decay) {
    this.weightDecay = finite("weightDecay", decay, decay >= 0, "from 0 on");
    return this;
  }

  /**
   * How single tensors are trained, such as LoRA+ and LoRA-FA have it; all alike unless said
   * otherwise.
   */
  public FineTuner rule(TrainingRule rule) {
    this.rule = rule;
    return this;
  }

  /** The largest norm of all gradients together; 1 unless said otherwise, 0 for any. */
  public FineTuner clip(double norm) {
    this.clipNorm = finite("clip", norm, norm >= 0, "from 0 on");
    return this;
  }

  /** Seed of the order of examples and of dropout; 42 unless said otherwise. */
  public FineTuner seed(long seed) {
    this.seed = seed;
    return this;
  }

  /**
   * Whether batches are made of examples of like length, with less padding; off unless said
   * otherwise, as in Hugging Face's Trainer. It is faster where lengths differ much, but such
   * batches are no random samples, and models come out a little worse.
   */
  public FineTuner bucketByLength(boolean on) {
    this.bucketing = on;
    return this;
  }

  /** Whether layers are run again on the way back instead of being kept: less memory. */
  public FineTuner recompute(boolean on) {
    this.recompute = on;
    return this;
  }

  /** Steps between evaluations. */
  public FineTuner evaluateEvery(int steps) {
    this.evaluateEvery = positive("evaluateEvery", steps);
    return this;
  }

  /**
   * Where checkpoints go; one is written after each epoch unless told otherwise, and at the end.
   */
  public FineTuner checkpointTo(String folder) {
    return checkpointTo(Path.of(folder));
  }

  /** Where checkpoints go. */
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
   * Ends the training when evaluations no longer get better, with the adapter of the best one.
   *
   * @param evaluations without a new best, after which to stop
   */
  public FineTuner stopEarly(int evaluations) {
    this.patience = positive("stopEarly", evaluations);
    return this;
  }

  /**
   * Which metric of {@link #validateOn} is to get better: {@code loss}, {@code accuracy} or {@code
   * macro_f1} of classifiers, {@code loss} or {@code perplexity} of language models; accuracy and
   * loss unless said.
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
   * Trains, or goes on training.
   *
   * @return what came of it
   * @throws TrainingException if the loss is no number
   * @throws IllegalArgumentException if settings, data and model do not fit together
   */
  public TrainingReport run() {
    return TrainingRun.run(this);
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
