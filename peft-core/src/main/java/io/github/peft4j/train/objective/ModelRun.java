package io.github.peft4j.train.objective;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Ops;
import io.github.peft4j.kernel.RandomState;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.AdaptedModel;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.head.LabelledOutputs;
import io.github.peft4j.transformer.head.LabelledOutputs.Slice;
import io.github.peft4j.transformer.head.PlacedLabels;
import io.github.peft4j.transformer.loss.LabelLoss;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.site.ActiveAdapters;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A run of a model over the copies of a batch: its hidden states, the outputs with a label, and
 * what an objective has computed from them so far.
 *
 * <p>An array of losses is computed without recording. Its gradient, which the objective's backward
 * pass gives, is passed on by computing the losses again, slice by slice.
 */
public final class ModelRun implements AutoCloseable {

  private final TransformerModel model;
  private final ModelInput input;
  private final LossTargets targets;
  private final Pass pass;
  private final NDArray hidden;
  private final boolean train;
  private final long seed;
  private final int copies;
  private final List<Losses> losses = new ArrayList<>();
  private final IdentityHashMap<AdaptedModel, Other> others = new IdentityHashMap<>();
  private final Map<String, NDArray> reported = new LinkedHashMap<>();
  private final IdentityHashMap<LossTargets, LabelledOutputs> labelled = new IdentityHashMap<>();

  /** The losses of some outputs, as a leaf, and how they are computed. */
  private record Losses(
      LabelledOutputs outputs, NDArray leaf, long first, Function<Slice, NDArray> function) {}

  /** The run of another model over the same batch, and what holds its adapters. */
  private record Other(ModelRun run, ModelCall call) {}

  /**
   * Creates a run.
   *
   * @param input of one copy of the batch
   * @param targets of one copy of the batch
   * @param pass the pass that computed {@code hidden}
   * @param hidden states of all copies; in training a leaf that accumulates its gradient
   * @param train whether to record operations for a backward pass
   * @param seed of what the head draws
   * @param copies the number of copies in {@code hidden}
   */
  public ModelRun(
      TransformerModel model,
      ModelInput input,
      LossTargets targets,
      Pass pass,
      NDArray hidden,
      boolean train,
      long seed,
      int copies) {
    this.model = model;
    this.input = input;
    this.targets = targets;
    this.pass = pass;
    this.hidden = hidden;
    this.train = train;
    this.seed = seed;
    this.copies = copies;
  }

  /**
   * The number of adapters in parallel, each of which computes the batch.
   *
   * @throws IllegalArgumentException if there are several and the objective is not the sum of the
   *     losses of labels
   */
  public static int replicas(Objective objective, ActiveAdapters adapters) {
    int replicas = adapters.composition().replicas();
    if (replicas > 1 && objective.perLabel().isEmpty()) {
      throw new IllegalArgumentException(
          "%d adapters are active in parallel, but objective %s is for one: activate one at a time"
              .formatted(replicas, objective));
    }
    return replicas;
  }

  int copies() {
    return copies;
  }

  /** R, the number of rows of one copy. */
  long rows() {
    return targets.rows();
  }

  TransformerModel model() {
    return model;
  }

  /** The last hidden states of all copies. */
  public NDArray hidden() {
    return hidden;
  }

  Pass pass() {
    return pass;
  }

  LossTargets targets() {
    return targets;
  }

  ModelInput input() {
    return input;
  }

  /**
   * The outputs that have a label.
   *
   * @param targets of one copy
   */
  LabelledOutputs labelled(LossTargets targets) {
    return labelled.computeIfAbsent(
        targets, of -> model.head().labelled(hidden, of.repeat(copies), pass, train));
  }

  /**
   * Computes an objective, and in training the backward pass down to the hidden states.
   *
   * @param scale factor of the gradient, a scalar on the device: 1 / units of the step; null if
   *     this is no training
   * @return the loss as a scalar
   * @throws IllegalArgumentException if the objective gives no scalar
   */
  public NDArray loss(Objective objective, @Nullable NDArray scale) {
    return objective
        .perLabel()
        .map(loss -> model.head().loss(loss, hidden, targets.repeat(copies), pass, scale))
        .orElseGet(() -> backward(objective, scale));
  }

  /** The same for the sum of the losses of labels that are on the device already. */
  public NDArray loss(LabelLoss loss, PlacedLabels labels, NDArray scale) {
    return model.head().loss(loss, hidden, labels, pass, scale);
  }

  private NDArray backward(Objective objective, @Nullable NDArray scale) {
    NDArray loss = Autograd.record(train, () -> objective.loss(Outputs.all(this)));
    if (loss.getShape().size() != 1) {
      throw new IllegalArgumentException(
          "objective %s gave an array of shape %s; expected a scalar, the sum over the batch"
              .formatted(objective, loss.getShape()));
    }
    if (scale != null && Autograd.requiresGradient(loss)) {
      Autograd.backward(loss, Ops.fillLike(loss, scale));
      losses.forEach(this::backward);
      labelled.values().forEach(LabelledOutputs::backward);
    }
    return Autograd.detach(loss);
  }

  /**
   * The losses of some outputs: (n).
   *
   * @param outputs of this run
   * @param first the first output
   * @param count n
   * @param function the losses of a slice
   */
  NDArray losses(
      LabelledOutputs outputs, long first, long count, Function<Slice, NDArray> function) {
    List<NDArray> parts = new ArrayList<>();
    Autograd.without(
        () -> {
          outputs.slices(
              first,
              count,
              slice -> {
                try (Scope scope = new Scope()) {
                  parts.add(scope.keep(drawing(slice, function)));
                }
              });
          return null;
        });
    NDArray joined = Ops.concatenate(parts);
    if (!train) {
      return joined;
    }
    NDArray leaf = Autograd.leaf(joined);
    losses.add(new Losses(outputs, leaf, first, function));
    return leaf;
  }

  private void backward(Losses losses) {
    NDArray gradient = Autograd.gradient(losses.leaf());
    if (gradient == null) {
      return;
    }
    losses
        .outputs()
        .slices(
            losses.first(),
            losses.leaf().getShape().get(0),
            slice -> {
              try (Scope scope = new Scope()) {
                NDArray again = Autograd.record(true, () -> drawing(slice, losses.function()));
                if (Autograd.requiresGradient(again)) {
                  Autograd.backward(
                      again, Ops.narrow(gradient, slice.start() - losses.first(), slice.count()));
                }
              }
            });
  }

  /** Both computations of a slice draw the same numbers, as for dropout. */
  private NDArray drawing(Slice slice, Function<Slice, NDArray> function) {
    if (!train) {
      return function.apply(slice);
    }
    try (RandomState random = RandomState.seeded(seed * 1_000_003 + slice.start())) {
      return function.apply(slice);
    }
  }

  /** The same batch through another model, without gradients. */
  ModelRun by(AdaptedModel other) {
    return others.computeIfAbsent(other, this::run).run();
  }

  private Other run(AdaptedModel other) {
    ModelCall call = other.newCall();
    try {
      if (!call.model().device().equals(model.device())) {
        throw new IllegalArgumentException(
            "the other model is on %s, but this one on %s; load both on one device"
                .formatted(call.model().device(), model.device()));
      }
      Pass inference = call.pass();
      NDArray states = Autograd.without(() -> call.model().hidden(input, inference));
      ModelRun run = new ModelRun(call.model(), input, targets, inference, states, false, seed, 1);
      return new Other(run, call);
    } catch (RuntimeException e) {
      call.close();
      throw e;
    }
  }

  void report(String name, NDArray sum) {
    reported.merge(name, Autograd.detach(sum), NDArray::add);
  }

  /** What the objective has reported, by name. */
  public Map<String, Double> reported() {
    Map<String, Double> values = new LinkedHashMap<>();
    reported.forEach((name, sum) -> values.put(name, (double) Tensors.floats(sum)[0]));
    return values;
  }

  @Override
  public void close() {
    for (Other other : others.values()) {
      other.run().close();
      other.run().pass().close();
      other.call().close();
    }
  }
}
