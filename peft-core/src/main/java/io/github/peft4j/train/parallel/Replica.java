package io.github.peft4j.train.parallel;

import io.github.peft4j.AdapterTraining;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.train.evaluation.BatchFeed;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.train.optimizer.Gradients;
import io.github.peft4j.train.optimizer.Optimizer;
import io.github.peft4j.train.optimizer.Update;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.pass.KeptStates;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.training.ParameterGroup;
import io.github.peft4j.tuner.training.StepListener;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The training of an adapter on one device: passes, gradients, update. Each device of a training
 * has one. All do the same updates, so that their tensors stay the same.
 */
public final class Replica implements AutoCloseable {

  private final AdapterTraining training;
  private final Objective objective;
  private final List<Trainable> trainables;
  private final List<Trainable> resting;
  private final Update update;
  private final TrainedTensors tensors;
  private final Gradients gradients;
  private final Backpropagation backpropagation;
  private final @Nullable KeptStates kept;

  /** Creates what trains an adapter. Tensors that a rule leaves out rest until it is closed. */
  Replica(AdapterTraining training, ReplicaSettings settings) {
    this.training = training;
    this.objective = settings.objective().apply(training);
    Adapter adapter = training.adapter();
    Map<Trainable, ParameterGroup> groups = adapter.groups(settings.rule(), settings.usual());
    this.trainables = adapter.trainables();
    this.resting =
        trainables.stream().filter(t -> !groups.containsKey(t) && t.value().hasGradient()).toList();
    resting.forEach(tensor -> tensor.freeze(true));
    trainables.forEach(Trainable::clearGradient); // another training loop may have left some
    StepListener listener = adapter.listener(settings.rule());
    Optimizer optimizer = null;
    try {
      optimizer = settings.optimizer().apply(adapter).of(groups, settings.usual().learningRate());
      this.update = new Update(optimizer, listener, settings.clipNorm());
      this.tensors = new TrainedTensors(adapter, update);
    } catch (RuntimeException | OutOfMemoryError e) {
      if (optimizer != null) {
        optimizer.close();
      }
      rest(listener);
      throw e;
    }
    this.gradients =
        new Gradients(
            Stream.concat(groups.keySet().stream(), listener.trained().stream()).toList());
    this.backpropagation = new Backpropagation(training, settings.activations());
    this.kept = settings.keptStates() == 0 ? null : new KeptStates(settings.keptStates());
  }

  /** The training of the adapter. */
  public AdapterTraining training() {
    return training;
  }

  /** The frozen model. */
  public TransformerModel model() {
    return training.base();
  }

  /** What is minimised on this device. */
  Objective objective() {
    return objective;
  }

  /** What the method and the training's rule do at each step. */
  public StepListener listener() {
    return update.listener();
  }

  /** The update of a step. */
  public Update update() {
    return update;
  }

  /** The gradients of all that is trained on this device, also by the method itself. */
  Gradients gradients() {
    return gradients;
  }

  /** What a step changes. */
  public TrainedTensors tensors() {
    return tensors;
  }

  /**
   * Runs the forward and the backward pass of a part.
   *
   * @param scale factor of the loss in the gradient
   */
  Backpropagation.Result backpropagate(Part part, double scale) {
    Batch batch = part.batch();
    TransformerModel model = model();
    KeptStates.Rows rows = kept == null ? null : BatchFeed.rows(kept, batch);
    return backpropagation.run(
        objective,
        BatchFeed.input(model, batch).keeping(rows),
        BatchFeed.targets(model, batch),
        scale,
        part.seed());
  }

  /** Does without a part in a step. */
  void prepare() {
    backpropagation.prepare();
  }

  /**
   * Adds the gradient of the penalties.
   *
   * @param scale factor of the gradient
   * @return the sum of the penalties
   */
  double penalty(double scale) {
    return backpropagation.penalty(scale);
  }

  /** Frees the memory of CUDA graphs; says whether there were any. */
  boolean giveGraphsUp() {
    return backpropagation.giveGraphsUp();
  }

  private void rest(StepListener listener) {
    listener.afterTraining();
    if (training.isPresent()) { // otherwise the adapter's tensors are freed
      resting.forEach(tensor -> tensor.freeze(false));
      trainables.forEach(Trainable::clearGradient);
    }
  }

  @Override
  public void close() {
    backpropagation.close();
    if (kept != null) {
      kept.close();
    }
    tensors.close();
    gradients.close();
    update.optimizer().close();
    rest(update.listener());
  }

  @Override
  public String toString() {
    return model().device().toString();
  }
}
