package io.github.peft4j.train;

import ai.djl.Device;
import io.github.peft4j.AdapterTraining;
import io.github.peft4j.PeftModel;
import io.github.peft4j.TextModel;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.chat.TrainOn;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.batch.EncodedDataset;
import io.github.peft4j.data.batch.Masking;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.train.embedding.EmbeddingLoss;
import io.github.peft4j.train.embedding.EmbeddingObjective;
import io.github.peft4j.train.evaluation.Measure;
import io.github.peft4j.train.evaluation.Measures;
import io.github.peft4j.train.objective.ClassWeights;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.train.optimizer.LearningRateSchedule;
import io.github.peft4j.train.optimizer.LossScaling;
import io.github.peft4j.train.optimizer.Optimizer;
import io.github.peft4j.train.optimizer.OwnOptimizer;
import io.github.peft4j.train.parallel.Group;
import io.github.peft4j.train.report.TrainingListener;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.loss.CrossEntropy;
import io.github.peft4j.transformer.loss.LabelLoss;
import io.github.peft4j.tuner.site.Rewrite;
import io.github.peft4j.tuner.training.TrainingRule;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongFunction;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Trains the active adapter of a model on examples.
 *
 * <pre>{@code
 * TrainingReport report = FineTuner.of(model)
 *     .on(JsonLines.read("train.jsonl").prompt("{question}\n").answer("answer"))
 *     .validateOn(JsonLines.read("dev.jsonl").prompt("{question}\n").answer("answer"))
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
  List<Device> devices;
  Group group = Group.ALONE;
  int averageEvery = 1;
  @Nullable Examples<?> training;
  final Map<String, Examples<?>> validation = new LinkedHashMap<>();
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
  private Optimizer.@Nullable Settings optimizer;
  double clipNorm = 1.0;
  private @Nullable LossScaling lossScaling;
  long seed = 42;
  boolean bucketing;
  boolean packing;
  boolean withoutDuplicates;
  Activations activations = Activations.KEPT;
  boolean autoBatchSize;

  long keptStates;
  int evaluateEvery;
  int evaluationBatchSize;
  int checkpointEvery;
  @Nullable Path folder;
  int patience;
  boolean keepBest;
  int skipNonFinite;
  boolean skipTooLong;
  OptionalInt stride = OptionalInt.empty();
  boolean labelAllTokens;
  Masking masking = Masking.DEFAULT;
  @Nullable TrainOn trainOn;
  Duration shutdownWait = Duration.ofSeconds(20);
  @Nullable String metric;
  private @Nullable Objective objective;
  private double labelSmoothing;
  private @Nullable ClassWeights classWeights;
  final List<Measure> measures = new ArrayList<>();
  boolean quiet;
  final List<TrainingListener> listeners = new ArrayList<>();
  private final Set<StopSignal> running = ConcurrentHashMap.newKeySet();

  private FineTuner(PeftModel model) {
    this.model = model;
    this.devices = List.of(model.base().device());
  }

  /** Creates the training of this model's active adapter. */
  public static FineTuner of(PeftModel model) {
    return new FineTuner(model);
  }

  /** Sets the training data. */
  public FineTuner on(Examples<?> examples) {
    this.training = examples;
    return this;
  }

  /**
   * Sets the devices of this host that compute each step together; the default is the model's own.
   * Each of the others gets a copy of the frozen model for the time of the run. A step is that of
   * one device: {@link #batchSize} counts the rows of all devices, which compute parts of it, and
   * gradients are added up. So losses are those of one device up to rounding, and to what dropout
   * draws, which belongs to a part. A run may be resumed on another number of devices, and keeps
   * its parts.
   *
   * <p>The devices share the batches of an evaluation. Samples, and measures that generate texts,
   * are computed on the first one. {@link #run} refuses objectives that compare the examples of a
   * batch, adapters that differ from row to row, and methods that read their batch as a whole,
   * unless each device has a batch of its own: see {@link #accumulate}. An objective, a rule and an
   * optimizer's settings of your own are called by a thread of each device at once.
   *
   * @param first the device that the model is on
   * @param more the others, such as {@code Device.gpu(1)}; the CPU may be there several times
   */
  public FineTuner on(Device first, Device... more) {
    return on(Stream.concat(Stream.of(first), Stream.of(more)).toList());
  }

  /**
   * Sets the devices of this host that compute each step together, as {@link #on(Device,
   * Device...)} does.
   *
   * @param devices one or more, that of the model first. All GPUs are {@code
   *     List.of(Engine.getEngine("PyTorch").getDevices())}
   */
  public FineTuner on(List<Device> devices) {
    if (devices.isEmpty()) {
      throw new IllegalArgumentException("on([]): expected one device or more");
    }
    this.devices = List.copyOf(devices);
    return this;
  }

  /**
   * Sets the processes that compute each step together, for programs that spread a training over
   * hosts, such as {@code SparkFineTuner}. Each process runs the same lines on the same data, with
   * its own copy of the model. As with {@link #on(Device, Device...)}, a step is that of one
   * device, up to rounding.
   *
   * <p>The first process evaluates while the others wait. Each writes checkpoints to a folder of
   * its own, and all have to resume from the same checkpoint. A process stops when one was asked
   * to.
   *
   * @param group this process's place among them
   */
  public FineTuner among(Group group) {
    this.group = group;
    return this;
  }

  /**
   * Lets the processes of a group train by themselves for a number of steps, and then averages
   * their tensors and moments (local SGD; Stich 2019, arXiv:1805.09767). Gradients are then not
   * summed, which saves most of the traffic, but each process makes its steps on its own share of
   * the batch alone: the run is not that of one device any more. An average is also taken before
   * evaluations and checkpoints, and at the end. Norms are those of single processes.
   *
   * @param steps the number of steps from one average to the next, 1 or more; the default is 1,
   *     which sums gradients at each step
   */
  public FineTuner averageEvery(int steps) {
    this.averageEvery = positive("averageEvery", steps);
    return this;
  }

  /**
   * Sets the validation data. The model is evaluated on it after each epoch, or at the interval of
   * {@link #evaluateEvery}.
   */
  public FineTuner validateOn(Examples<?> examples) {
    validation.put("", examples);
    return this;
  }

  /**
   * Adds a set of validation data, one of several. Its numbers are called {@code name/loss} and so
   * on. The first set decides which evaluation is best, unless {@link #metric} names a number of
   * another one.
   *
   * @param name such as {@code dev}; not empty
   */
  public FineTuner validateOn(String name, Examples<?> examples) {
    if (name.isBlank()) {
      throw new IllegalArgumentException("a set of validation data has no name");
    }
    if (validation.putIfAbsent(name, examples) != null) {
      throw new IllegalArgumentException(
          "there are two sets of validation data of the name '" + name + "'");
    }
    return this;
  }

  /**
   * Sets that long lists of words are read in windows, and how many tokens windows share. Without
   * it, lists of words are cut at {@link #maxLength}. Windows of questions share 128 tokens of the
   * text by default, as in transformers' run_qa.py, or half of a window if that is less.
   *
   * @param stride the number of tokens that a window shares with the one before it, 0 or more
   * @throws IllegalArgumentException if the model is for another task, which reads no windows
   */
  public FineTuner stride(int stride) {
    require("stride", Task.Type.TOKEN_CLS, Task.Type.QUESTION_ANS);
    if (stride < 0) {
      throw new IllegalArgumentException("stride is " + stride + ", expected 0 or more");
    }
    this.stride = OptionalInt.of(stride);
    return this;
  }

  /**
   * Sets whether all tokens of a tagged word have labels. By default only the first has one. The
   * others have {@code I-} in place of {@code B-}, as with {@code label_all_tokens} of
   * transformers' run_ner.py.
   *
   * @throws IllegalArgumentException if the model is not for token classification
   */
  public FineTuner labelAllTokens(boolean on) {
    require("labelAllTokens", Task.Type.TOKEN_CLS);
    this.labelAllTokens = on;
    return this;
  }

  /**
   * Sets what a masked language model has to find. By default it is 15 % of the tokens of each
   * text, as for BERT. Masks are drawn anew in each epoch; those of the validation data stay.
   *
   * @throws IllegalArgumentException if the model is no masked language model
   */
  public FineTuner masking(Masking masking) {
    require("masking", Task.Type.MASKED_LM);
    this.masking = masking;
    return this;
  }

  /**
   * Sets which parts of conversations count in the loss. By default it is all turns of the
   * assistant, {@link TrainOn#ASSISTANT_TURNS}; TRL's default is {@link TrainOn#ALL}. It holds for
   * the validation data as well. Examples that are no conversations are not concerned; a run on
   * data without any is refused.
   */
  public FineTuner trainOn(TrainOn parts) {
    this.trainOn = parts;
    return this;
  }

  TrainOn parts() {
    return trainOn == null ? TrainOn.ASSISTANT_TURNS : trainOn;
  }

  /**
   * Sets the number of passes over the data, 1 or more; the default is 3.
   *
   * <p>A run that continues from a checkpoint may have more or fewer epochs than it was started
   * with. Its losses so far stay as they are. From there on the learning rate is that of a run of
   * the new length: if a linear schedule had come near 0, the rate rises again.
   */
  public FineTuner epochs(int epochs) {
    this.epochs = positive("epochs", epochs);
    return this;
  }

  /**
   * Sets the number of optimizer steps, 1 or more, instead of epochs. A resumed run may change it,
   * as with {@link #epochs}.
   */
  public FineTuner steps(long steps) {
    this.steps = positive("steps", steps);
    return this;
  }

  /**
   * Sets the number of examples in a batch, 1 or more; the default is 8. With {@link #packing}, it
   * is the number of rows. On several devices it is that of all devices together: a forward pass
   * computes a part of the batch. See {@link #on(Device, Device...)}.
   */
  public FineTuner batchSize(int batchSize) {
    this.batchSize = positive("batchSize", batchSize);
    return this;
  }

  /**
   * Sets whether batches are computed in parts that fit into the device's memory; off by default.
   * Before its first step, a run computes the longest rows that a batch may have. If there is not
   * enough memory, it halves their number until they fit: {@link TrainingDetails#microBatchSize}.
   * The gradients of the parts are added up, so a step is that of a whole batch, up to rounding and
   * to what dropout draws. If memory runs out later, the step runs again in smaller parts.
   *
   * <p>A resumed run keeps the size that it had. {@link #run} refuses this for objectives that
   * compare the examples of a batch, for adapters that differ from row to row, and for methods that
   * read their batch as a whole, such as Lily.
   */
  public FineTuner autoBatchSize(boolean on) {
    this.autoBatchSize = on;
    return this;
  }

  /**
   * Sets the number of batches whose gradients make one optimizer step, 1 or more; the default is
   * 1.
   */
  public FineTuner accumulate(int batches) {
    this.accumulation = positive("accumulate", batches);
    return this;
  }

  /**
   * Sets the most tokens of an example, 1 or more. The default is the number of the model's
   * positions, and at most 512. Virtual tokens of the adapter take positions, and leave that many
   * fewer for the example.
   *
   * <p>Longer texts lose tokens at their end, longer prompts at their start. A warning and {@link
   * TrainingReport#truncated} count them. Decoders never train on a cut answer: an answer that does
   * not fit is an error, or is left out with {@link #skipTooLong}.
   */
  public FineTuner maxLength(int tokens) {
    this.maxLength = positive("maxLength", tokens);
    return this;
  }

  /**
   * Leaves out examples whose answers do not fit into {@link #maxLength}, in training and
   * validation. By default a decoder's training fails and names the first such example, and an
   * encoder-decoder's training cuts the answers. A warning and {@link TrainingReport#truncated}
   * count the examples that were left out.
   */
  public FineTuner skipTooLong() {
    this.skipTooLong = true;
    return this;
  }

  /** Sets the peak learning rate, above 0; the default is 2e-4. */
  public FineTuner learningRate(double rate) {
    this.learningRate = finite("learningRate", rate, rate > 0, "above 0");
    return this;
  }

  /**
   * Sets the fraction of all steps over which the learning rate rises from 0 to its peak, in [0,
   * 1]; the default is 0.
   */
  public FineTuner warmup(double fraction) {
    LearningRateSchedule.warmupSteps(fraction, 1); // checks
    this.warmup = fraction;
    return this;
  }

  /** Lets the learning rate fall along a cosine. By default it falls linearly. */
  public FineTuner cosine() {
    this.scheduleName = "cosine";
    return this;
  }

  /** Keeps the learning rate constant after the warm-up. By default it falls linearly. */
  public FineTuner constant() {
    this.scheduleName = "constant";
    return this;
  }

  /**
   * Sets a schedule of your own.
   *
   * @param schedule makes the schedule from the total number of steps
   */
  public FineTuner schedule(LongFunction<LearningRateSchedule> schedule) {
    this.schedule = schedule;
    this.scheduleName = "custom";
    return this;
  }

  /**
   * Sets the optimizer; the default is that of the adapter's method if it has one of its own, and
   * AdamW with PyTorch's settings otherwise.
   *
   * @param optimizer such as {@code new AdamW.Settings(0.9, 0.95, 1e-8)}, or {@code
   *     AdamW.DEFAULT.eightBit().paged()}, which takes less memory
   */
  public FineTuner optimizer(Optimizer.Settings optimizer) {
    this.optimizer = optimizer;
    return this;
  }

  /** The optimizer that was set, or else that of an adapter. */
  Optimizer.Settings optimizer(Adapter adapter) {
    return optimizer != null
        ? optimizer
        : OwnOptimizer.of(adapter.rewrites().stream().map(Rewrite::layer));
  }

  /** Sets the decoupled weight decay, 0 or more; the default is PyTorch's for AdamW, 0.01. */
  public FineTuner weightDecay(double decay) {
    this.weightDecay = finite("weightDecay", decay, decay >= 0, "from 0 on");
    return this;
  }

  /**
   * Sets how single tensors are trained, as LoRA+ and LoRA-FA need. By default all tensors are
   * trained alike.
   */
  public FineTuner rule(TrainingRule rule) {
    this.rule = rule;
    return this;
  }

  /** Sets the largest norm of all gradients together; the default is 1. 0 turns clipping off. */
  public FineTuner clip(double norm) {
    this.clipNorm = finite("clip", norm, norm >= 0, "from 0 on");
    return this;
  }

  /**
   * Skips steps whose loss or gradient is not finite, instead of ending the run. A skipped step
   * changes no tensor, but counts as a step of the run and of the schedule. A warning names the
   * examples of each, and {@link TrainingReport#skippedSteps} lists the steps. A step whose update
   * left the adapter's tensors not finite is never skipped: it ends the run.
   *
   * @param atMost the number of steps that a run may skip; the default is 0
   */
  public FineTuner skipNonFinite(int atMost) {
    this.skipNonFinite = positive("skipNonFinite", atMost);
    return this;
  }

  /**
   * Sets how the loss of a model in FLOAT16 is scaled; by default as {@code torch.amp.GradScaler}
   * does. Losses and norms are reported without the scale. A step whose gradient overflows because
   * of the scale is skipped, and counts as a step of the run and of the schedule: {@link
   * TrainingDetails#overflowedSteps} lists them.
   *
   * @throws IllegalArgumentException if the model computes in another precision, which needs no
   *     scale
   */
  public FineTuner lossScaling(LossScaling settings) {
    if (model.base().precision() != Precision.FLOAT16) {
      throw new IllegalArgumentException(
          "lossScaling does nothing for a model in %s; it is for FLOAT16"
              .formatted(model.base().precision()));
    }
    this.lossScaling = settings;
    return this;
  }

  /** How the loss is scaled, or null if it is not. */
  @Nullable LossScaling lossScaling() {
    return model.base().precision() != Precision.FLOAT16
        ? null
        : lossScaling == null ? LossScaling.DEFAULT : lossScaling;
  }

  /** Sets the seed of dropout and of the order of examples; the default is 42. */
  public FineTuner seed(long seed) {
    this.seed = seed;
    return this;
  }

  /**
   * Sets whether batches are made of examples of similar length, which need less padding. Off by
   * default, as in Hugging Face's Trainer. It is faster where lengths differ much, but such batches
   * are not random samples, and models come out slightly worse.
   */
  public FineTuner bucketByLength(boolean on) {
    this.bucketing = on;
    return this;
  }

  /**
   * Sets whether examples share rows; off by default. A row then holds as many examples as fit into
   * {@link #maxLength}, so that hardly any position is padding. Examples do not see each other, and
   * the loss is the same as without packing for the same examples in a step. But {@link #batchSize}
   * counts rows: a step has more examples than without, so an epoch has fewer steps.
   *
   * <p>Rows are made once, by best-fit-decreasing over the shuffled examples, as TRL's {@code bfd}
   * makes them. Each epoch has them in a new order. Evaluation is not packed.
   *
   * <p>It is for decoders and for encoders with a label for each token. What reads a row as one
   * text is refused when the run starts: virtual tokens of prompt tuning and P-tuning, gates, an
   * objective that is not a sum over labels.
   */
  public FineTuner packing(boolean on) {
    this.packing = on;
    return this;
  }

  /**
   * Keeps examples apart that share a text, so that they are in different batches. For losses that
   * take the other texts of a batch as negatives, such as {@code MultipleNegativesRankingLoss}: the
   * same text would be a negative of its own.
   */
  public FineTuner withoutDuplicates() {
    this.withoutDuplicates = true;
    return this;
  }

  /**
   * Keeps the states between the frozen model's layers of each training example, so that the model
   * runs once for each and not once an epoch. For methods that train beside the model only, such as
   * LST and attention fusion; it is refused if an adapter trains within the model's layers. The
   * model's own dropout is off then. States take (L + 1) · D numbers a token, on the model's
   * device; examples for which there is no more room are computed at each step, and so are rows
   * that are other ones in each epoch, as those of masked language modelling. Off by default.
   *
   * @param mebibytes the most memory for states, above 0
   * @throws IllegalArgumentException if it is not above 0
   */
  public FineTuner keepStates(long mebibytes) {
    if (mebibytes <= 0) {
      throw new IllegalArgumentException(
          "keepStates is given " + mebibytes + " MiB; expected a number above 0");
    }
    this.keptStates = mebibytes << 20;
    return this;
  }

  /**
   * Sets what is done with the activations until the backward pass: they are kept by default. To
   * recompute them takes less memory and about a third more computation.
   */
  public FineTuner activations(Activations activations) {
    this.activations = activations;
    return this;
  }

  /**
   * Sets the number of examples in an evaluation batch, 1 or more. By default such a batch has at
   * most as many tokens, padding included, as the largest training batch, so that evaluation fits
   * into the memory that training needs.
   */
  public FineTuner evaluationBatchSize(int batchSize) {
    this.evaluationBatchSize = positive("evaluationBatchSize", batchSize);
    return this;
  }

  /** Sets the number of steps between evaluations, 1 or more. By default they follow each epoch. */
  public FineTuner evaluateEvery(int steps) {
    this.evaluateEvery = positive("evaluateEvery", steps);
    return this;
  }

  /** Sets the folder for checkpoints: see {@link #checkpointTo(Path)}. */
  public FineTuner checkpointTo(String folder) {
    return checkpointTo(Path.of(folder));
  }

  /**
   * Sets the folder for checkpoints. By default one is written after each epoch, after the best
   * evaluation so far and at the end; {@link #checkpointEvery} changes the interval. The newest,
   * the one before it and the best are kept.
   *
   * <p>If the folder has checkpoints, the run continues from the newest intact one. A damaged one
   * is skipped with a warning. Settings, adapter and examples must be those of the run; the number
   * of epochs or steps may change. The base model is recognised by the hash of its weights and may
   * be stored elsewhere. To train with other settings, load the folder {@code checkpoint-N} as an
   * adapter and choose another folder.
   *
   * <p>No checkpoint is written while a tensor or its loss is not finite. Two runs of a program
   * cannot have the same folder at the same time.
   */
  public FineTuner checkpointTo(Path folder) {
    this.folder = folder;
    return this;
  }

  /** Sets the number of steps between checkpoints, 1 or more. By default one follows each epoch. */
  public FineTuner checkpointEvery(int steps) {
    this.checkpointEvery = positive("checkpointEvery", steps);
    return this;
  }

  /**
   * Ends the training when evaluations no longer improve. However the run ends, the adapter gets
   * the tensors of the best evaluation: see {@link #keepBest}.
   *
   * @param evaluations the number of evaluations without improvement after which to stop, 1 or more
   */
  public FineTuner stopEarly(int evaluations) {
    this.patience = positive("stopEarly", evaluations);
    return this;
  }

  /**
   * Gives the adapter the tensors of the best evaluation at the end, instead of those of the last
   * step. Without {@link #checkpointTo(Path)} they are kept in Java's memory until then.
   *
   * <p>{@link #run} refuses this and {@link #stopEarly} for a method that has no result before its
   * last phase, such as LT-SFT.
   */
  public FineTuner keepBest() {
    this.keepBest = true;
    return this;
  }

  /**
   * Sets what is minimised. By default it is the loss of the model's task, as in transformers:
   * cross entropy, the squared error of {@link io.github.peft4j.transformer.config.Task#regression
   * numbers}, or the binary cross entropy of several labels at once. A method may have a loss of
   * its own, as CPT has; an objective that is set replaces it.
   */
  public FineTuner objective(Objective objective) {
    this.objective = objective;
    return this;
  }

  /** Sets the loss of each label, such as {@code CrossEntropy.PLAIN.smoothing(0.1)}. */
  public FineTuner objective(LabelLoss loss) {
    return objective(Objective.of(loss));
  }

  /**
   * Sets the loss of the vectors of texts, such as {@code new MultipleNegativesRankingLoss()}. The
   * vectors are those of {@link PeftModel#embed(String)}.
   *
   * @throws IllegalArgumentException if the model gives no vectors of texts
   */
  public FineTuner objective(EmbeddingLoss loss) {
    return objective(new EmbeddingObjective(model.embedder().settings(), loss));
  }

  /**
   * Sets how much of each label is spread over all classes, ε in [0, 1); the default is 0 (Szegedy
   * et al. 2016, arXiv:1512.00567). It applies to the loss of evaluations too. Only losses that are
   * cross entropies have it.
   */
  public FineTuner labelSmoothing(double smoothing) {
    CrossEntropy.PLAIN.smoothing(smoothing); // checks
    this.labelSmoothing = smoothing;
    return this;
  }

  /**
   * Sets a weight for each class, in the order of the classes; the mean is divided by the sum of
   * the labels' weights, as in PyTorch. It applies to the loss of evaluations too, and only to
   * models that classify texts or tokens.
   */
  public FineTuner classWeights(double... weights) {
    List<Double> all = Arrays.stream(weights).boxed().toList();
    CrossEntropy.PLAIN.weights(all); // checks
    this.classWeights = ClassWeights.inOrder(all);
    return this;
  }

  /**
   * Sets the weight of each class by its name.
   *
   * @see #classWeights(double...)
   */
  public FineTuner classWeights(Map<String, Double> weights) {
    this.classWeights = ClassWeights.byName(weights);
    return this;
  }

  /**
   * Weights each class c by n / (k n_c), as scikit-learn's {@code balanced}: with n labels of k
   * classes in the training data, n_c of them c.
   *
   * @see #classWeights(double...)
   */
  public FineTuner balancedClassWeights() {
    this.classWeights = ClassWeights.BALANCED;
    return this;
  }

  /**
   * The objective with the class weights and the label smoothing.
   *
   * @param data the training data
   * @param model the model, or a copy of it
   * @throws IllegalArgumentException if they do not apply
   */
  Objective objective(EncodedDataset data, TextModel model) {
    if (classWeights == null && labelSmoothing == 0) {
      return objective(model);
    }
    String setting = classWeights == null ? "labelSmoothing" : "classWeights";
    LabelLoss own = model.base().head().loss();
    if (objective != null) {
      throw new IllegalArgumentException(
          "%s does nothing with objective(%s): give that objective the setting"
              .formatted(setting, objective));
    }
    if (!(own instanceof CrossEntropy plain)) {
      throw new IllegalArgumentException(
          "%s is for cross entropies, but the loss of a model for %s is %s"
              .formatted(setting, model.base().task().type(), own));
    }
    CrossEntropy loss = plain.smoothing(labelSmoothing);
    return Objective.of(
        model,
        classWeights == null ? loss : loss.weights(classWeights.of(model.base().task(), data)));
  }

  Objective objective() {
    return objective(model);
  }

  private Objective objective(TextModel model) {
    return objective == null ? Objective.of(model) : objective;
  }

  /**
   * Adds a measure of your own to those that {@link #validateOn} gives for the model's task.
   *
   * @see Measure#of
   */
  public FineTuner measure(Measure measure) {
    measures.add(measure);
    return this;
  }

  /** The measures of the evaluations. */
  public Measures measures() {
    Measures all = Measures.of(measured()).and(measures).of(objective());
    return validation.isEmpty() ? all : all.on(validation.keySet());
  }

  /** The task whose measures apply: none if the objective reads no labels of it. */
  private Task measured() {
    return objective().readsLabels() ? model.base().task() : Task.featureExtraction();
  }

  /**
   * The name of the number that decides which evaluation is best.
   *
   * @throws IllegalArgumentException if there is no validation data, or no such number
   */
  public String decidingMetric() {
    if (validation.isEmpty()) {
      throw new IllegalArgumentException("nothing is evaluated: call validateOn(examples)");
    }
    return measures().metric(metric);
  }

  /**
   * Sets the metric of {@link #validateOn} that decides which evaluation is best: {@code loss}, or
   * a name of one of the measures. Classifiers have {@code accuracy} and {@code macro_f1}, language
   * models {@code perplexity}, masked ones {@code accuracy}, too. A number of a set with a name
   * begins with it: {@code dev/loss}. The default is accuracy for classifiers and loss for language
   * models.
   */
  public FineTuner metric(String name) {
    this.metric = name;
    return this;
  }

  /** Adds a listener that is called during the training. */
  public FineTuner listener(TrainingListener listener) {
    listeners.add(listener);
    return this;
  }

  /** Turns the progress bar off. */
  public FineTuner quiet() {
    this.quiet = true;
    return this;
  }

  /**
   * Sets how long the JVM's shutdown waits for a run to end its step and write a checkpoint.
   * PyTorch must not be computing when the process ends, or the process may crash. If the time is
   * not enough, the process is halted with exit status 1, without the shutdown hooks that are still
   * running. The training thread is held until the process ends, or for this time at most.
   *
   * @param longest 0 or more; the default is 20 s; zero to install no shutdown hook
   */
  public FineTuner shutdownWait(Duration longest) {
    if (longest.isNegative()) {
      throw new IllegalArgumentException("shutdownWait is " + longest + ", expected 0 or more");
    }
    this.shutdownWait = longest;
    return this;
  }

  /**
   * Asks the current runs to end after their present step. A run then evaluates if that is due,
   * writes a checkpoint if it has a folder, and returns its report. Running the same lines again
   * continues from there. Any thread or {@link TrainingListener} may call this. Interrupting the
   * training thread has the same effect. Without a run it does nothing.
   */
  public void stop() {
    running.forEach(StopSignal::give);
  }

  /**
   * Trains, or continues from a checkpoint.
   *
   * @return the losses, the evaluations and how the run ended
   * @throws TrainingException if a loss, a gradient or a tensor of the adapter is not finite
   * @throws io.github.peft4j.kernel.OutOfDeviceMemoryException if a batch does not fit into the
   *     device's memory. The model may be used on
   * @throws IllegalArgumentException if settings, data, model and checkpoints do not fit together,
   *     or if there are checkpoints and all are damaged
   * @throws IllegalStateException if another run trains the same adapter, or has the same folder
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

  /**
   * What {@link #run} would train on, without training: the examples as the model sees them, how
   * many there are, and the settings.
   *
   * @param rows the most rows to show, 0 or more
   * @throws IllegalArgumentException if settings, data and model do not fit together
   */
  public TrainingPreview preview(int rows) {
    if (rows < 0) {
      throw new IllegalArgumentException("rows is " + rows + ", expected 0 or more");
    }
    TrainingSetup.requireParts(this);
    try (AdapterTraining training = model.train(TrainingSetup.theAdapter(model).name())) {
      return TrainingPreview.of(TrainingSetup.of(this, training), rows);
    }
  }

  private void require(String setting, Task.Type... tasks) {
    Task.Type task = model.base().task().type();
    if (!Arrays.asList(tasks).contains(task)) {
      throw new IllegalArgumentException(
          "%s does nothing for a model for %s; it is for %s"
              .formatted(
                  setting,
                  task,
                  Stream.of(tasks).map(Task.Type::name).collect(Collectors.joining(" and "))));
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
