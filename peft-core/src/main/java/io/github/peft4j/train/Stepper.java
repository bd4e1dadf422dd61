package io.github.peft4j.train;

import io.github.peft4j.AdapterTraining;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.kernel.OutOfDeviceMemoryException;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.train.evaluation.BatchFeed;
import io.github.peft4j.train.optimizer.Gradients;
import io.github.peft4j.train.optimizer.LossScaler;
import io.github.peft4j.train.parallel.Part;
import io.github.peft4j.train.parallel.Replica;
import io.github.peft4j.train.parallel.Replicas;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.tuner.Calls;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Runs the steps of a training: forward and backward passes of the batches, then the update. */
final class Stepper {

  private static final Logger LOG = LoggerFactory.getLogger(Stepper.class);

  private final FineTuner settings;
  private final TransformerModel model;
  private final TrainingSetup setup;
  private final AdapterTraining training;
  private final long seed;
  private final Replicas replicas;
  private final LossScaler scaler;
  private boolean toldOfNoLabels;

  /**
   * The result of a step.
   *
   * @param loss mean of the labels' losses, plus the adapter's penalty
   * @param norm norm of the gradient before clipping
   * @param rate the learning rate
   * @param tokens number of tokens in its batches, without padding
   * @param reported what the objective reported: means over the units, by name
   * @param overflowed whether gradients that are finite were not so after the loss was scaled
   */
  record Result(
      double loss,
      double norm,
      double rate,
      long tokens,
      Map<String, Double> reported,
      boolean overflowed) {

    /** Whether loss and gradient are finite. If not, the tensors are as before the step. */
    boolean isFinite() {
      return Double.isFinite(loss) && Double.isFinite(norm);
    }
  }

  Stepper(FineTuner settings, TrainingSetup setup, Replicas replicas, LossScaler scaler) {
    this.settings = settings;
    this.model = settings.model.base();
    this.setup = setup;
    this.training = setup.training();
    this.seed = settings.seed;
    this.replicas = replicas;
    this.scaler = scaler;
    if (settings.activations == Activations.ON_HOST && !model.device().isGpu()) {
      LOG.info("activations are ON_HOST, but on the CPU the inputs of layers need not be moved");
    }
  }

  /**
   * Runs a step. A step without any label that counts leaves the tensors as they are. If the loss
   * or the gradient is not finite, the tensors stay as they are, and the gradients stay until
   * {@link #skip} or the end of the training. If it is so because the loss was scaled, the scale
   * falls.
   *
   * @param step the step, from 0
   */
  Result step(long step) {
    double rate = setup.rate(step);
    Sums sums = Sums.NONE;
    try (Calls.Call alone = training.step()) {
      sums = fitting(step, () -> accumulate(step));
      if (sums.units() > 0) {
        return updated(step, rate, sums);
      }
    }
    return withoutLabels(step, rate, sums.tokens());
  }

  /** What the batches of a step add up to, penalties included. */
  private record Sums(
      double units, long tokens, double loss, double penalty, Map<String, Double> reported) {

    static final Sums NONE = new Sums(0, 0, 0, 0, Map.of());
  }

  private Result updated(long step, double rate, Sums sums) {
    try (Scope scope = new Scope()) {
      double loss = sums.loss() / sums.units() + sums.penalty();
      boolean overflowed = overflows(loss);
      double norm =
          overflowed
              ? gradients(replicas.first()).clip(0)
              : replicas.each(
                  replica ->
                      replica.update().run((int) step + 1, (int) setup.totalSteps(), rate, loss));
      return new Result(loss, norm, rate, sums.tokens(), sums.reported(), overflowed);
    }
  }

  /** Adds up the gradients of a step's batches. */
  private Sums accumulate(long step) {
    List<Batch> batches = setup.plan().batches(step);
    double[] units = batches.stream().mapToDouble(this::units).toArray();
    double total = Arrays.stream(units).sum();
    long tokens = batches.stream().mapToLong(Batch::tokens).sum();
    if (total == 0) {
      return new Sums(0, tokens, 0, 0, Map.of());
    }
    List<Part> parts =
        IntStream.range(0, units.length)
            .filter(i -> units[i] > 0)
            .mapToObj(i -> new Part(batches.get(i), seed(step, i)))
            .toList();
    double sum = 0;
    Map<String, Double> reported = new LinkedHashMap<>();
    double divisor = replicas.divisor(Arrays.stream(units).filter(count -> count > 0).toArray());
    double scale = divisor == 0 ? 0 : scaler.scale() / divisor;
    for (Backpropagation.Result part : replicas.backpropagate(parts, scale)) {
      sum += part.loss();
      part.reported().forEach((name, value) -> reported.merge(name, value / total, Double::sum));
    }
    return new Sums(total, tokens, sum, replicas.share(scaler.scale()), reported);
  }

  private long seed(long step, int batch) {
    return (seed * 1_000_003 + step) * 1_000_003 + batch;
  }

  /**
   * Finds how many rows can be computed at once, by the longest rows that a step may have. The
   * tensors stay as they are.
   *
   * @param step the next step, from 0
   */
  void findMicroBatch(long step) {
    BatchPlan plan = setup.plan();
    try (Calls.Call alone = training.step()) {
      Batch longest =
          fitting(
              step,
              () -> {
                Batch batch = plan.longest(step);
                double units = units(batch);
                if (units > 0) {
                  replicas.tryOut(new Part(batch, seed(step, 0)), 1 / units);
                }
                return batch;
              });
      replicas.forget((int) step, (int) setup.totalSteps());
      LOG.info(
          "of a batch of {}, {} at once fit into the device's memory: tried with the longest, a {}",
          rows(settings.batchSize),
          rows(plan.rowsAtOnce()),
          longest);
    }
  }

  /**
   * Runs code that leaves gradients at most, and nothing else. If the device has not enough memory
   * and batches may be computed in parts, it runs again with parts of half as many rows.
   *
   * @param step the step that it belongs to, from 0
   * @throws OutOfDeviceMemoryException if the parts cannot be smaller. The gradients are zero then
   */
  <T> T fitting(long step, Supplier<T> code) {
    while (true) {
      try {
        return OutOfDeviceMemoryException.guard(() -> doing(step), this::advice, code);
      } catch (OutOfDeviceMemoryException e) {
        if (!takesLess(e)) {
          replicas.clearGradients();
          throw e;
        }
        replicas.forget((int) step, (int) setup.totalSteps());
      }
    }
  }

  private static Gradients gradients(Replica replica) {
    return replica.update().optimizer().gradients();
  }

  /** Lets later passes take less memory than one that failed; false if they cannot. */
  private boolean takesLess(OutOfDeviceMemoryException failure) {
    if (replicas.giveGraphsUp()) {
      LOG.info("{}. From here on, without the memory of CUDA graphs", failure.fact());
      return true;
    }
    int rows = setup.plan().rowsAtOnce();
    if (!settings.autoBatchSize || rows == 1) {
      return false;
    }
    setup.plan().rowsAtOnce(rows / 2);
    LOG.info("{}. From here on, {} at most at once", failure.fact(), rows(rows / 2));
    return true;
  }

  private String doing(long step) {
    return "step %d of the training, with %s at once of up to %,d tokens"
        .formatted(step + 1, rows(setup.plan().rowsAtOnce()), setup.maxLength());
  }

  private static String rows(int count) {
    return count == 1 ? "one row" : count + " rows";
  }

  /** What takes less memory and is not done yet. */
  private String advice() {
    List<String> ways = new ArrayList<>();
    if (setup.plan().rowsAtOnce() > 1) {
      if (setup.objective().isSumOfExamples()) {
        ways.add("autoBatchSize(true), which computes batches in parts that fit");
        ways.add("a smaller batchSize with accumulate(n), which is the same step");
      } else {
        ways.add("a smaller batchSize");
      }
    }
    if (settings.activations == Activations.KEPT) {
      ways.add("activations(RECOMPUTED)");
    }
    if (settings.activations != Activations.ON_HOST && model.device().isGpu()) {
      ways.add("activations(ON_HOST), for long texts");
    }
    ways.add("a smaller maxLength");
    if (model.precision() == Precision.FLOAT32) {
      ways.add("a model that is loaded with precision(BFLOAT16) or FLOAT16");
    }
    return "Take one of these: " + String.join("; ", ways);
  }

  /**
   * Divides the gradients by the scale of the loss, and adapts the scale. At a scale that can fall
   * no more, or with a loss that is not finite, the scale is not the reason.
   *
   * @return whether the gradients are not finite because of the scale
   */
  private boolean overflows(double loss) {
    if (!scaler.isOn()) {
      return false;
    }
    boolean finite = replicas.each(replica -> gradients(replica).unscale(scaler.scale()));
    boolean overflowed = !finite && scaler.canFall() && Double.isFinite(loss);
    if (finite || overflowed) {
      scaler.update(overflowed);
    }
    return overflowed;
  }

  /** A step in which nothing is to be learnt: the tensors and the optimizer stay as they are. */
  private Result withoutLabels(long step, double rate, long tokens) {
    if (!toldOfNoLabels) {
      LOG.warn(
          "step {}: no label of its batches counts, so nothing is learnt; they are made of examples"
              + " {}. Later steps of this kind are not told",
          step + 1,
          setup.plan().positions(step));
      toldOfNoLabels = true;
    }
    skip(step);
    return new Result(0, 0, rate, tokens, Map.of(), false);
  }

  /**
   * Skips a step whose gradient cannot be used. The method's own updates see a gradient of zero.
   */
  void skip(long step) {
    try (Calls.Call alone = training.step()) {
      double rate = setup.rate(step);
      replicas.each(
          replica -> {
            replica.update().skip((int) step + 1, (int) setup.totalSteps(), rate);
            return rate;
          });
    }
  }

  private double units(Batch batch) {
    return BatchFeed.units(setup.objective(), batch, model, training.active());
  }
}
