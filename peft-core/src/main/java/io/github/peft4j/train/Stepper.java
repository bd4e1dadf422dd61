package io.github.peft4j.train;

import io.github.peft4j.AdapterTraining;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.train.evaluation.BatchFeed;
import io.github.peft4j.train.optimizer.LossScaler;
import io.github.peft4j.train.optimizer.Update;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.pass.KeptStates;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.tuner.Calls;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Runs the steps of a training: forward and backward passes of the batches, then the update. */
final class Stepper implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Stepper.class);

  private final TransformerModel model;
  private final TrainingSetup setup;
  private final AdapterTraining training;
  private final long seed;
  private final Update update;
  private final LossScaler scaler;
  private final Backpropagation backpropagation;
  private final @Nullable KeptStates kept;
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

  Stepper(FineTuner settings, TrainingSetup setup, Update update, LossScaler scaler) {
    this.model = settings.model.base();
    this.setup = setup;
    this.training = setup.training();
    this.seed = settings.seed;
    this.update = update;
    this.scaler = scaler;
    this.backpropagation = new Backpropagation(training, settings.recompute);
    this.kept = settings.keptStates == 0 ? null : new KeptStates(settings.keptStates);
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
    List<Batch> batches = setup.plan().batches(step);
    double[] units = batches.stream().mapToDouble(this::units).toArray();
    double total = Arrays.stream(units).sum();
    long tokens = batches.stream().mapToLong(Batch::tokens).sum();
    double rate = setup.rate(step);
    if (total == 0) {
      return withoutLabels(step, rate, tokens);
    }
    try (Calls.Call alone = training.step();
        Scope scope = new Scope()) {
      double sum = 0;
      Map<String, Double> reported = new LinkedHashMap<>();
      for (int i = 0; i < batches.size(); i++) {
        if (units[i] > 0) {
          Backpropagation.Result batch =
              backpropagate(
                  batches.get(i), scaler.scale() / total, (seed * 1_000_003 + step) * 1_000_003 + i);
          sum += batch.loss();
          batch
              .reported()
              .forEach((name, value) -> reported.merge(name, value / total, Double::sum));
        }
      }
      double loss = sum / total + backpropagation.penalty(scaler.scale());
      boolean overflowed = overflows(loss);
      double norm =
          overflowed
              ? update.optimizer().gradients().clip(0)
              : update.run((int) step + 1, (int) setup.totalSteps(), rate, loss);
      return new Result(loss, norm, rate, tokens, reported, overflowed);
    }
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
    boolean finite = update.optimizer().gradients().unscale(scaler.scale());
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
      update.skip((int) step + 1, (int) setup.totalSteps(), setup.rate(step));
    }
  }

  private double units(Batch batch) {
    return BatchFeed.units(setup.objective(), batch, model, training.active());
  }

  private Backpropagation.Result backpropagate(Batch batch, double scale, long seed) {
    LossTargets targets = BatchFeed.targets(model, batch);
    KeptStates.Rows rows = kept == null ? null : BatchFeed.rows(kept, batch);
    return backpropagation.run(
        setup.objective(), BatchFeed.input(model, batch).keeping(rows), targets, scale, seed);
  }

  @Override
  public void close() {
    if (kept != null) {
      kept.close();
    }
  }
}
