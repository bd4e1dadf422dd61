package io.github.peft4j.examples.bench;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.PeftModel;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.train.Activations;
import io.github.peft4j.train.Backpropagation;
import io.github.peft4j.train.evaluation.BatchFeed;
import io.github.peft4j.train.optimizer.AdamW;
import io.github.peft4j.train.optimizer.Optimizer;
import io.github.peft4j.train.optimizer.Update;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.training.ParameterGroup;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A training step as in {@code FineTuner}: forward and backward pass, clipping, AdamW. */
final class Training implements Work {

  private static final int WARM_UP = 10;
  private static final double RATE = 1e-4;

  private final PeftModel model;
  private final Backpropagation backpropagation;
  private final Map<Trainable, ParameterGroup> groups;
  private final Optimizer optimizer;
  private final Update update;
  private double firstLoss = Double.NaN;
  private double norm;

  /** Trains the model's adapter. */
  Training(PeftModel model, Method method, Activations activations) {
    this.model = model;
    this.backpropagation = new Backpropagation(model, activations);
    Adapter adapter = model.adapter(PeftModel.DEFAULT);
    this.groups = adapter.groups(method.rule(), new ParameterGroup(RATE, 0.01));
    model.trainables().forEach(tensor -> tensor.freeze(!groups.containsKey(tensor)));
    this.optimizer = AdamW.DEFAULT.of(groups, RATE);
    this.update = new Update(optimizer, adapter.listener(method.rule()), 1.0);
  }

  @Override
  public int warmUp() {
    return WARM_UP;
  }

  @Override
  public void run(Batch batch) {
    double loss = backpropagate(batch);
    norm = update.run(1, 1, RATE, loss);
    if (Double.isNaN(firstLoss)) {
      firstLoss = loss;
    }
  }

  private double backpropagate(Batch batch) {
    TransformerModel base = model.base();
    LossTargets targets = BatchFeed.targets(base, batch);
    long labels = model.count(targets);
    try (Scope scope = new Scope()) {
      return backpropagation.run(BatchFeed.input(base, batch), targets, 1.0 / labels, 1) / labels;
    }
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
    optimizer.close();
  }
}
