package io.github.peft4j.examples.bench;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.PeftModel;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.train.evaluation.BatchFeed;
import io.github.peft4j.train.optimizer.Optimizer;
import io.github.peft4j.train.optimizer.Update;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.training.ParameterGroup;
import io.github.peft4j.tuner.training.TrainingRule;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A training step as in {@code FineTuner}: forward and backward pass, clipping, AdamW. */
public final class Training implements Work {

  private static final int WARM_UP = 10;
  private static final double RATE = 1e-4;

  private final PeftModel model;
  private final Backpropagation backpropagation;
  private final Map<Trainable, ParameterGroup> groups;
  private final Optimizer optimizer;
  private final Update update;
  private final Adapter adapter;
  private final double rate;
  private double firstLoss = Double.NaN;
  private double norm;

  /** Trains the model's adapter. */
  Training(PeftModel model, Method method, Activations activations, Optimizers kind) {
    this(model, method.rule(), activations, kind, RATE);
  }

  /** Trains the model's adapter at a constant learning rate. */
  public Training(
      PeftModel model, TrainingRule rule, Activations activations, Optimizers kind, double rate) {
    this.model = model;
    this.rate = rate;
    this.backpropagation = new Backpropagation(model, activations);
    this.adapter = model.adapter(PeftModel.DEFAULT);
    this.groups = adapter.groups(rule, new ParameterGroup(rate, 0.01));
    model.trainables().forEach(tensor -> tensor.freeze(!groups.containsKey(tensor)));
    this.optimizer = kind.settings().of(groups, rate);
    this.update = new Update(optimizer, adapter.listener(rule), 1.0);
  }

  @Override
  public int warmUp() {
    return WARM_UP;
  }

  @Override
  public void run(Batch batch) {
    double loss = backpropagate(batch);
    update(loss);
    if (Double.isNaN(firstLoss)) {
      firstLoss = loss;
    }
  }

  /** Computes the gradients of a batch, and returns its loss. */
  public double backpropagate(Batch batch) {
    TransformerModel base = model.base();
    LossTargets targets = BatchFeed.targets(base, batch);
    long labels = model.count(targets);
    try (Scope scope = new Scope()) {
      return backpropagation.run(BatchFeed.input(base, batch), targets, 1.0 / labels, 1) / labels;
    }
  }

  /**
   * Updates the adapter, and clears the gradients.
   *
   * @return the norm of all gradients together
   */
  public double update(double loss) {
    norm = update.run(1, 1, rate, loss);
    return norm;
  }

  /** The gradients of the trained tensors, by their names in the adapter's file. */
  public Map<String, NDArray> gradients() {
    Map<String, NDArray> named = new LinkedHashMap<>();
    optimizer
        .gradients()
        .arrived()
        .forEach((t, gradient) -> named.put(adapter.nameOf(t), gradient));
    return named;
  }

  /** The trained tensors, by their names in the adapter's file. */
  public Map<String, NDArray> tensors() {
    Map<String, NDArray> named = new LinkedHashMap<>();
    groups.keySet().forEach(tensor -> named.put(adapter.nameOf(tensor), tensor.value()));
    return named;
  }

  /** The loss of the first batch has to fall, and each trained tensor to get a gradient. */
  @Override
  public Map<String, Object> check(Batch first) {
    double loss = backpropagate(first);
    requireGradients();
    if (!(loss < firstLoss)) { // neither may be NaN
      throw new UnsoundException(
          String.format(
              Locale.ROOT, "the loss does not fall: %.5f at first, %.5f at last", firstLoss, loss));
    }
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("trainable", groups.keySet().stream().mapToLong(Trainable::size).sum());
    facts.put("first_loss", Numbers.rounded(firstLoss));
    facts.put("loss", Numbers.rounded(loss));
    facts.put("gradient_norm", Numbers.rounded(norm));
    return facts;
  }

  private void requireGradients() {
    Map<Trainable, NDArray> gradients = optimizer.gradients().arrived();
    long zeros = groups.keySet().stream().filter(t -> isZero(gradients.get(t))).count();
    optimizer.gradients().clear();
    if (zeros > 0 || !(norm > 0)) {
      throw new UnsoundException(
          "%d of %d trained tensors have no gradient, or one of zeros; the norm of all is %s"
              .formatted(zeros, groups.size(), norm));
    }
  }

  private static boolean isZero(@Nullable NDArray gradient) {
    if (gradient == null) {
      return true;
    }
    try (Scope scope = new Scope()) {
      return Tensors.floats(gradient.abs().max())[0] == 0;
    }
  }

  @Override
  public void close() {
    backpropagation.close();
    optimizer.close();
  }
}
