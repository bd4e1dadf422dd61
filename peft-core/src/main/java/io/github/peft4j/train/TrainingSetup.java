package io.github.peft4j.train;

import io.github.peft4j.AdapterTraining;
import io.github.peft4j.PeftModel;
import io.github.peft4j.TextModel;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.advice.AdvisedException;
import io.github.peft4j.advice.Remedy;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.batch.BatchSampler;
import io.github.peft4j.data.batch.Collator;
import io.github.peft4j.data.batch.EncodedDataset;
import io.github.peft4j.data.batch.EncodedExample.Alignment;
import io.github.peft4j.data.batch.Packing;
import io.github.peft4j.train.evaluation.EncodingSettings;
import io.github.peft4j.train.evaluation.Evaluator;
import io.github.peft4j.train.evaluation.Measures;
import io.github.peft4j.train.evaluation.TaskEncoder;
import io.github.peft4j.train.evaluation.Truncated;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.train.optimizer.LearningRateSchedule;
import io.github.peft4j.train.parallel.Devices;
import io.github.peft4j.train.parallel.ReplicaSettings;
import io.github.peft4j.train.report.DataCounts;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.ActiveAdapters;
import io.github.peft4j.tuner.training.ParameterGroup;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A run's plan: the settings of a {@link FineTuner}, combined with its model and data before the
 * first step.
 *
 * @param training the training of the adapter
 * @param plan the examples of each step
 * @param validation the validation data by name, empty without a name
 * @param data counts of the training data
 * @param truncated counts of the training examples that were too long
 * @param validationTruncated counts of the validation examples that were too long
 * @param maxLength the most tokens of an example
 * @param metric the metric that decides which evaluation is best
 * @param groups the trainable tensors, and how each is trained
 * @param replicas how each device trains
 * @param facts everything that the losses depend on. A run only continues with the same facts
 */
record TrainingSetup(
    AdapterTraining training,
    BatchPlan plan,
    Map<String, EncodedDataset> validation,
    DataCounts data,
    Truncated truncated,
    Truncated validationTruncated,
    int maxLength,
    long totalSteps,
    LearningRateSchedule schedule,
    Objective objective,
    Measures measures,
    String metric,
    Map<Trainable, ParameterGroup> groups,
    ReplicaSettings replicas,
    Map<String, String> facts) {

  private static final String TRAINING = "training";
  private static final Logger LOG = LoggerFactory.getLogger(TrainingSetup.class);

  /** The most tokens of an example by default, if the model has as many positions. */
  private static final long DEFAULT_LENGTH = 512;

  /**
   * Combines the settings with model and data.
   *
   * @throws IllegalArgumentException if they do not fit together
   */
  static TrainingSetup of(FineTuner settings, AdapterTraining training) {
    requireParts(settings);
    Adapter adapter = training.adapter();
    Examples<?> examples = settings.training;
    if (examples == null) {
      throw new IllegalArgumentException("nothing to train on: call on(examples)");
    }
    if (settings.packing) {
      PackingCheck.require(training, settings.objective());
    }
    int maxLength = maxLength(settings);
    EncodedDataset encoded = encode(settings, training, examples, maxLength, TRAINING);
    checkRowValues(training, encoded, TRAINING);
    Objective objective = settings.objective(encoded, settings.model);
    int workers = settings.devices.size() * settings.group.size();
    int parts = Devices.partsOfBatch(workers, settings.accumulation);
    requireAlike(settings);
    if (settings.autoBatchSize) {
      whyWhole(training, objective)
          .ifPresent(
              why -> {
                throw new IllegalArgumentException(
                    "autoBatchSize computes batches in parts, but %s: train without it, with a smaller batchSize or other activations"
                        .formatted(why));
              });
    }
    if (parts > 1) {
      whyWhole(training, objective)
          .ifPresent(
              why -> {
                throw new AdvisedException(
                    "%s would compute parts of batches, but %s".formatted(workers(settings), why),
                    Remedy.ACCUMULATE.with(
                        "accumulate(%d) with a smaller batchSize gives each a batch of its own"
                            .formatted(workers),
                        workers));
              });
      requireRows(settings, parts);
    }
    Measures measures = settings.measures().of(objective);
    BatchPlan plan =
        plan(settings, encoded, training.active(), (int) Math.min(maxLength, training.room()));
    plan.rowsAtOnce((settings.batchSize + parts - 1) / parts);
    DataCounts counts = counts(training, encoded, plan);
    Map<String, EncodedDataset> validation = new LinkedHashMap<>();
    settings.validation.forEach(
        (name, held) -> {
          String what = (name + " validation").strip();
          EncodedDataset data = encode(settings, training, held, maxLength, what);
          checkRowValues(training, data, what);
          int without = withoutLabels(training, data, what, "there is no loss to measure");
          if (without > 0) {
            LOG.warn(
                "{} data: {} of {} examples have no label that counts, and no part in the loss",
                what,
                without,
                data.size());
          }
          validation.put(name, data);
        });
    long steps =
        settings.steps > 0 ? settings.steps : plan.stepsPerEpoch() * (long) settings.epochs;
    ReplicaSettings replicas =
        new ReplicaSettings(
            settings.activations,
            settings.keptStates,
            settings.rule,
            new ParameterGroup(settings.learningRate, settings.weightDecay),
            settings.clipNorm,
            settings::optimizer,
            model -> settings.objective(encoded, model));
    Map<Trainable, ParameterGroup> groups = adapter.groups(replicas.rule(), replicas.usual());
    int most = (int) Math.min(maxLength, training.room());
    return new TrainingSetup(
        training,
        plan,
        validation,
        counts,
        Truncated.of(encoded, most),
        validation.values().stream()
            .map(set -> Truncated.of(set, most))
            .reduce(Truncated.none(most), Truncated::and),
        maxLength,
        steps,
        schedule(settings, steps),
        objective,
        measures,
        measures.metric(settings.metric),
        groups,
        replicas,
        RunFacts.of(settings, adapter, examples, maxLength, steps, objective, groups));
  }

  private static void checkRowValues(AdapterTraining training, EncodedDataset data, String what) {
    Set<Map<String, Long>> fine = new HashSet<>();
    for (int i = 0; i < data.size(); i++) {
      Map<String, Long> numbers = data.examples().get(i).rowValues();
      if (fine.add(numbers)) {
        try {
          training.active().all().forEach(layer -> layer.checkRowValues(numbers));
        } catch (IllegalArgumentException e) {
          throw new IllegalArgumentException(
              "%s data, example %,d: %s".formatted(what, data.position(i) + 1, e.getMessage()), e);
        }
      }
    }
  }

  /** The adapter that is trained. */
  Adapter adapter() {
    return training.adapter();
  }

  /** Creates the evaluator. Its batches take no more memory than those of the training. */
  Evaluator evaluator(FineTuner settings) {
    int rows = settings.evaluationBatchSize;
    return rows > 0
        ? new Evaluator(training, rows, maxLength).measuring(objective, measures)
        : new Evaluator(training, Integer.MAX_VALUE, plan::largestBatch, maxLength)
            .measuring(objective, measures);
  }

  /** The number of epochs in the run, a partial last one included. */
  int epochs() {
    return (int) ((totalSteps + plan.stepsPerEpoch() - 1) / plan.stepsPerEpoch());
  }

  /** The learning rate of a step, counted from 0. */
  double rate(long step) {
    double rate = schedule.rate(step);
    if (!(rate >= 0) || rate == Double.POSITIVE_INFINITY) {
      throw new IllegalArgumentException(
          "schedule gives the rate " + rate + " for step " + step + "; expected 0 or above");
    }
    return rate;
  }

  private static String workers(FineTuner settings) {
    return settings.group.size() == 1
        ? "%d devices".formatted(settings.devices.size())
        : "a group of %d processes with %d devices each"
            .formatted(settings.group.size(), settings.devices.size());
  }

  /** Refuses what the processes of a group would do differently. */
  private static void requireAlike(FineTuner settings) {
    boolean alone = settings.group.size() == 1;
    if (settings.autoBatchSize && !alone) {
      throw new IllegalArgumentException(
          "autoBatchSize is for one process: each process of a group would find other parts of a"
              + " step. Take a smaller batchSize with accumulate(n), which is the same step");
    }
    require(!alone || settings.averageEvery == 1, "averageEvery", "among(group)");
    if (settings.averageEvery > 1 && settings.lossScaling() != null) {
      throw new IllegalArgumentException(
          "averageEvery is not for a model in FLOAT16: each process would skip other steps. Load it"
              + " in BFLOAT16 or FLOAT32");
    }
    if (settings.averageEvery > 1 && settings.skipNonFinite > 0) {
      throw new IllegalArgumentException(
          "averageEvery is not for skipNonFinite: each process would skip other steps; take one");
    }
  }

  /** Why a batch is computed as a whole: its parts would be another step. */
  private static Optional<String> whyWhole(AdapterTraining training, Objective objective) {
    return !objective.isSumOfExamples()
        ? Optional.of("objective " + objective + " may compare the examples of a batch")
        : training.active().composition().isByRow()
            ? Optional.of("the active adapters differ from row to row")
            : training.active().all().stream()
                .map(TunerLayer::whyWholeBatches)
                .filter(Objects::nonNull)
                .findFirst();
  }

  private static void requireRows(FineTuner settings, int parts) {
    if (settings.batchSize < parts) {
      throw new AdvisedException(
          "%s would compute each batch in %d parts, but a batch has %d rows"
              .formatted(workers(settings), parts, settings.batchSize),
          Remedy.ENLARGE_BATCH.with(
              "Take batchSize(%d) or more: a batch is that of all devices together"
                  .formatted(parts),
              parts));
    }
  }

  /** Refuses settings that would have no effect, or would only fail after hours. */
  static void requireParts(FineTuner settings) {
    Devices.check(settings.devices, settings.model.base().device());
    boolean measured = !settings.validation.isEmpty();
    require(measured || settings.patience == 0, "stopEarly", "validateOn(examples)");
    require(measured || !settings.keepBest, "keepBest", "validateOn(examples)");
    require(
        measured || settings.evaluationBatchSize == 0,
        "evaluationBatchSize",
        "validateOn(examples)");
    require(measured || settings.metric == null, "metric", "validateOn(examples)");
    require(measured || settings.measures.isEmpty(), "measure", "validateOn(examples)");
    require(measured || settings.evaluateEvery == 0, "evaluateEvery", "validateOn(examples)");
    if (settings.packing && settings.bucketing) {
      throw new IllegalArgumentException(
          "bucketByLength does nothing with packing, whose rows are of one length: take one of the"
              + " two");
    }
    if (settings.packing && settings.keptStates > 0) {
      throw new IllegalArgumentException(
          "keepStates keeps the states of rows, and packing makes other rows of the examples in each"
              + " training: take one of the two");
    }
    boolean saved = settings.folder != null;
    require(saved || settings.checkpointEvery == 0, "checkpointEvery", "checkpointTo(folder)");
    if (settings.withoutDuplicates && settings.packing) {
      throw new IllegalArgumentException(
          "withoutDuplicates is for losses that compare the texts of a batch, and packing for losses"
              + " of labels: take one of the two");
    }
    if (settings.withoutDuplicates && settings.bucketing) {
      throw new IllegalArgumentException(
          "withoutDuplicates and bucketByLength both say which examples make a batch: take one");
    }
  }

  private static void require(boolean fine, String setting, String other) {
    if (!fine) {
      throw new IllegalArgumentException(
          setting + " does nothing without " + other + ": call that too");
    }
  }

  /**
   * The adapter to train.
   *
   * @throws IllegalStateException unless exactly one active adapter is trainable
   */
  static Adapter theAdapter(PeftModel model) {
    if (model.isMerged()) {
      throw new IllegalStateException("adapters are merged into the weights: unmerge() first");
    }
    List<Adapter> trained =
        model.active().adapters().stream()
            .map(model::adapter)
            .filter(adapter -> !adapter.isFrozen())
            .toList();
    if (trained.size() != 1) {
      throw new IllegalArgumentException(
          "one adapter is trained at a time, but "
              + (trained.isEmpty()
                  ? "none is active that is not frozen: call adapt(config) or unfreeze(name)"
                  : trained + " are active: freeze(name) the others"));
    }
    return trained.get(0);
  }

  private static int maxLength(FineTuner settings) {
    long positions = settings.model.base().maxPositions();
    int maxLength =
        settings.maxLength > 0 ? settings.maxLength : (int) Math.min(DEFAULT_LENGTH, positions);
    if (maxLength > positions) {
      throw new IllegalArgumentException(
          "maxLength is " + maxLength + ", but the model has " + positions + " positions");
    }
    return maxLength;
  }

  private static EncodedDataset encode(
      FineTuner settings, TextModel model, Examples<?> examples, int maxLength, String what) {
    if (examples.dataset().size() == 0) {
      throw new IllegalArgumentException("the " + what + " data is empty");
    }
    EncodingSettings reading =
        new EncodingSettings(
            maxLength,
            settings.skipTooLong,
            settings.stride,
            settings.labelAllTokens,
            settings.masking,
            settings.parts(),
            what.equals(TRAINING) ? settings.seed : 0);
    EncodedDataset data = encode(model, examples, reading, what);
    settings.objective().check(data);
    if (settings.trainOn != null) {
      TaskEncoder.requireConversations(data);
    }
    long room = model.room();
    Truncated truncated = Truncated.of(data, (int) Math.min(maxLength, room));
    if (data.size() == 0) {
      throw new IllegalArgumentException(truncated.warning(what, room));
    }
    if (!truncated.isNone()) {
      LOG.warn(
          truncated.warning(what, room)
              + (settings.maxLength > 0
                  ? ""
                  : ". By default it is the number of the model's positions, "
                      + DEFAULT_LENGTH
                      + " at most"));
    }
    warnOfOneClass(model.base().task(), data, what);
    return data;
  }

  private static EncodedDataset encode(
      TextModel model, Examples<?> examples, EncodingSettings reading, String what) {
    try {
      return TaskEncoder.encode(model, examples, reading);
    } catch (DataException e) {
      throw what.equals(TRAINING) ? e : DataException.at(what + " data", e);
    }
  }

  private static void warnOfOneClass(Task task, EncodedDataset data, String what) {
    if (task.type() == Task.Type.SEQ_CLS
        && task.problem() == Task.Problem.SINGLE_LABEL
        && data.examples().stream().allMatch(e -> e.alignment() == Alignment.TEXT)
        && data.examples().stream().mapToLong(e -> e.labels()[0]).distinct().count() == 1) {
      LOG.warn(
          "all {} examples of the {} data have the label '{}', of the model's {}: a classifier"
              + " learns nothing of it but to say so",
          data.size(),
          what,
          task.labels().get((int) data.examples().get(0).labels()[0]),
          task.labels());
    }
  }

  private static BatchPlan plan(
      FineTuner settings, EncodedDataset training, ActiveAdapters active, int width) {
    PeftModel model = settings.model;
    Packing packing =
        settings.packing
            ? Packing.bestFitDecreasing(training.lengths(), width, settings.seed)
            : null;
    BatchSampler sampler = sampler(settings, training, packing);
    Collator collator =
        new Collator(model.base().padId(model.tokenizer().padId()))
            .toMultipleOf(readsPadding(training, active) ? 1 : Backpropagation.widths(model.base()))
            .upTo(width);
    return new BatchPlan(training, packing, sampler, collator, settings.accumulation);
  }

  /** Whether results depend on the amount of padding. */
  private static boolean readsPadding(EncodedDataset training, ActiveAdapters active) {
    return training.examples().get(0).alignment() == Alignment.SPAN
        || active.all().stream().anyMatch(layer -> layer.whyOneTextPerRow() != null);
  }

  private static DataCounts counts(AdapterTraining training, EncodedDataset data, BatchPlan plan) {
    int without = withoutLabels(training, data, TRAINING, "nothing is learnt");
    DataCounts counts =
        new DataCounts(data.size(), without, data.tokens(), plan.rowCount(), plan.fill());
    if (without > 0) {
      LOG.warn(
          "training data: {}. Nothing is learnt of these: leave them out, or raise maxLength if"
              + " their answers were cut",
          counts);
    } else {
      LOG.info("training data: {}", counts);
    }
    return counts;
  }

  /**
   * The number of examples without a label that counts.
   *
   * @throws DataException if all are such
   */
  private static int withoutLabels(
      AdapterTraining training, EncodedDataset data, String what, String then) {
    TransformerModel model = training.base();
    boolean ahead =
        model.task().type() == Task.Type.CAUSAL_LM && model.virtualTokens(training.active()) == 0;
    int without = (int) data.examples().stream().filter(e -> !e.hasLabel(ahead)).count();
    if (without == data.size()) {
      throw new DataException(
          "none of the %,d examples of the %s data has a label that counts, so %s: raise maxLength if their answers were cut"
              .formatted(without, what, then));
    }
    return without;
  }

  private static BatchSampler sampler(
      FineTuner settings, EncodedDataset training, @Nullable Packing packing) {
    if (packing != null) {
      return BatchSampler.shuffled(packing.rows().length, settings.batchSize, settings.seed);
    }
    if (settings.withoutDuplicates) {
      return BatchSampler.withoutDuplicates(
          training.textNumbers(), settings.batchSize, settings.seed);
    }
    return settings.bucketing
        ? BatchSampler.byLength(training.lengths(), settings.batchSize, settings.seed)
        : BatchSampler.shuffled(training.size(), settings.batchSize, settings.seed);
  }

  private static LearningRateSchedule schedule(FineTuner settings, long total) {
    if (settings.schedule != null) {
      LearningRateSchedule own = settings.schedule.apply(total);
      if (own == null) {
        throw new IllegalArgumentException("schedule gives null for " + total + " steps");
      }
      return own;
    }
    long warmup = LearningRateSchedule.warmupSteps(settings.warmup, total);
    return switch (settings.scheduleName) {
      case "cosine" -> LearningRateSchedule.cosine(settings.learningRate, warmup, total);
      case "constant" -> LearningRateSchedule.constant(settings.learningRate, warmup);
      default -> LearningRateSchedule.linear(settings.learningRate, warmup, total);
    };
  }
}
