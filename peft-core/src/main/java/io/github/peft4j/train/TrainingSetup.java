package io.github.peft4j.train;

import io.github.peft4j.Adapter;
import io.github.peft4j.AdapterTraining;
import io.github.peft4j.PeftModel;
import io.github.peft4j.TextModel;
import io.github.peft4j.data.BatchSampler;
import io.github.peft4j.data.Collator;
import io.github.peft4j.data.EncodedDataset;
import io.github.peft4j.data.Examples;
import io.github.peft4j.transformer.Task;
import io.github.peft4j.tuner.Trainable;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What a run is to do: the settings of a {@link FineTuner}, settled with its model and data before
 * the first step.
 *
 * @param adapter that is trained
 * @param plan which examples a step takes
 * @param maxLength tokens that an example may have
 * @param metric that is to get better
 * @param groups the tensors that are trained, and how
 * @param facts all that the losses depend on, so that a run is only ever continued as it was begun
 */
record TrainingSetup(
    Adapter adapter,
    BatchPlan plan,
    @Nullable EncodedDataset validation,
    int maxLength,
    long totalSteps,
    LearningRateSchedule schedule,
    String metric,
    Map<Trainable, ParameterGroup> groups,
    Map<String, String> facts) {

  /**
   * Settles the settings.
   *
   * @throws IllegalArgumentException if they do not fit together, or not with model and data
   */
  static TrainingSetup of(FineTuner settings, AdapterTraining training) {
    requireParts(settings);
    Adapter adapter = training.adapter();
    Examples<?> examples = settings.training;
    if (examples == null) {
      throw new IllegalArgumentException("nothing to train on: call on(examples)");
    }
    int maxLength = maxLength(settings);
    BatchPlan plan = plan(settings, encode(training, examples, maxLength, "training"));
    Examples<?> held = settings.validation;
    long steps =
        settings.steps > 0 ? settings.steps : plan.stepsPerEpoch() * (long) settings.epochs;
    Map<Trainable, ParameterGroup> groups =
        settings.rule.groups(
            adapter, new ParameterGroup(settings.learningRate, settings.weightDecay));
    return new TrainingSetup(
        adapter,
        plan,
        held == null ? null : encode(training, held, maxLength, "validation"),
        maxLength,
        steps,
        schedule(settings, steps),
        metric(settings),
        groups,
        facts(settings, adapter, examples, maxLength, steps, groups));
  }

  /** How often the data is gone through, at least in part. */
  int epochs() {
    return (int) ((totalSteps + plan.stepsPerEpoch() - 1) / plan.stepsPerEpoch());
  }

  /** The learning rate of a step, from 0 on. */
  double rate(long step) {
    double rate = schedule.rate(step);
    if (!(rate >= 0) || rate == Double.POSITIVE_INFINITY) {
      throw new IllegalArgumentException(
          "schedule gives the rate " + rate + " for step " + step + "; expected 0 or above");
    }
    return rate;
  }

  /** Refuses settings that would do nothing, or only fail after hours. */
  private static void requireParts(FineTuner settings) {
    boolean measured = settings.validation != null;
    require(measured || settings.patience == 0, "stopEarly", "validateOn(examples)");
    require(measured || settings.metric == null, "metric", "validateOn(examples)");
    require(measured || settings.evaluateEvery == 0, "evaluateEvery", "validateOn(examples)");
    boolean saved = settings.folder != null;
    require(saved || settings.checkpointEvery == 0, "checkpointEvery", "checkpointTo(folder)");
  }

  private static void require(boolean fine, String setting, String other) {
    if (!fine) {
      throw new IllegalArgumentException(
          setting + " does nothing without " + other + ": call that too");
    }
  }

  /** The one that is to be trained. */
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
    int maxLength = settings.maxLength > 0 ? settings.maxLength : (int) Math.min(512, positions);
    if (maxLength > positions) {
      throw new IllegalArgumentException(
          "maxLength is " + maxLength + ", but the model has " + positions + " positions");
    }
    return maxLength;
  }

  private static EncodedDataset encode(
      TextModel model, Examples<?> examples, int maxLength, String what) {
    if (examples.dataset().size() == 0) {
      throw new IllegalArgumentException("the " + what + " data is empty");
    }
    return BatchFeed.encode(model, examples, maxLength);
  }

  private static BatchPlan plan(FineTuner settings, EncodedDataset training) {
    PeftModel model = settings.model;
    BatchSampler sampler =
        settings.bucketing
            ? BatchSampler.byLength(training.lengths(), settings.batchSize, settings.seed)
            : BatchSampler.shuffled(training.size(), settings.batchSize, settings.seed);
    Collator collator = new Collator(model.base().padId(model.tokenizer().padId()));
    return new BatchPlan(training, sampler, collator, settings.accumulation);
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

  private static String metric(FineTuner settings) {
    boolean classifies = settings.model.base().task().type() == Task.Type.SEQ_CLS;
    if (settings.metric != null) {
      return Metrics.requireName(settings.metric, classifies);
    }
    return classifies ? Metrics.ACCURACY : Metrics.LOSS;
  }

  private static Map<String, String> facts(
      FineTuner settings,
      Adapter adapter,
      Examples<?> examples,
      int maxLength,
      long totalSteps,
      Map<Trainable, ParameterGroup> groups) {
    Map<String, String> facts = new TreeMap<>();
    facts.put("adapter", adapter.configText());
    facts.put("base_model", settings.model.origin());
    facts.put("precision", settings.model.base().precision().toString());
    facts.put("data_sha256", examples.dataset().sha256());
    facts.put("batch_size", "" + settings.batchSize);
    facts.put("accumulation", "" + settings.accumulation);
    facts.put("max_length", "" + maxLength);
    facts.put("total_steps", "" + totalSteps);
    facts.put("learning_rate", "" + settings.learningRate);
    facts.put("schedule", settings.scheduleName + ", warm-up " + settings.warmup);
    facts.put("weight_decay", "" + settings.weightDecay);
    facts.put("parameter_groups", counted(groups).toString());
    facts.put("clip_norm", "" + settings.clipNorm);
    facts.put("bucket_by_length", "" + settings.bucketing);
    facts.put("seed", "" + settings.seed);
    return facts;
  }

  /** How many tensors are trained in which way. */
  private static Map<String, Integer> counted(Map<Trainable, ParameterGroup> groups) {
    Map<String, Integer> counts = new TreeMap<>();
    groups.values().forEach(group -> counts.merge(group.toString(), 1, Integer::sum));
    return counts;
  }
}
