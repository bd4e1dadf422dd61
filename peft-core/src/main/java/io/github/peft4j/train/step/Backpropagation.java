package io.github.peft4j.train.step;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Ops;
import io.github.peft4j.kernel.RandomState;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.train.objective.ModelRun;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.transformer.AdaptedModel;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.loss.LabelLoss;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.ActiveAdapters;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.LongFunction;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Computes the gradient of a batch's loss. Gradients add up in the trainable tensors. */
public final class Backpropagation implements AutoCloseable {

  private final AdaptedModel adapted;
  private final LongFunction<Tape.Recording> tapes;
  private final @Nullable StepGraphs graphs;

  /** Creates the backward pass of a model. */
  public Backpropagation(AdaptedModel adapted, Activations activations) {
    this(
        adapted,
        activations.tapes(adapted.base().device()),
        activations.areRecordable() ? new StepGraphs(activations == Activations.RECOMPUTED) : null);
  }

  /**
   * Creates the backward pass of a model.
   *
   * @param tapes the tape of a batch by the seed of its dropout
   */
  public Backpropagation(AdaptedModel adapted, LongFunction<Tape.Recording> tapes) {
    this(adapted, tapes, null);
  }

  private Backpropagation(
      AdaptedModel adapted, LongFunction<Tape.Recording> tapes, @Nullable StepGraphs graphs) {
    this.adapted = adapted;
    this.tapes = tapes;
    this.graphs = graphs;
  }

  /**
   * Adds the gradient of the penalties of the active layers. Call it once a step, after the step's
   * batches.
   *
   * @return the sum of the penalties
   */
  public double penalty() {
    return penalty(1);
  }

  /**
   * Adds the gradient of the penalties, as {@link #penalty()}.
   *
   * @param scale factor of the gradient
   */
  public double penalty(double scale) {
    try (ModelCall call = adapted.newCall();
        Scope scope = new Scope()) {
      NDArray sum = Autograd.record(true, () -> sumOfPenalties(call.adapters()));
      if (sum == null) {
        return 0;
      }
      Autograd.backward(sum, Tensors.onesLike(sum).mul(scale));
      return Tensors.floats(sum)[0];
    }
  }

  /** Computed on the device: fetching a number for each layer would make the GPU wait each time. */
  private static @Nullable NDArray sumOfPenalties(ActiveAdapters active) {
    return active.all().stream()
        .filter(TunerLayer::trains)
        .map(TunerLayer::penalty)
        .filter(Objects::nonNull)
        .reduce(Ops::add)
        .orElse(null);
  }

  /**
   * The result of a batch.
   *
   * @param loss the sum over the batch's units
   * @param reported what the objective reported: sums over the units, by name
   */
  public record Result(double loss, Map<String, Double> reported) {}

  /**
   * Runs the forward and the backward pass of a batch, with the loss of the model's task.
   *
   * @param scale factor of each label's loss in the gradient: 1 / number of labels
   * @param seed seed of the dropout
   * @return the sum of the labels' losses
   */
  public double run(ModelInput input, LossTargets targets, double scale, long seed) {
    Objective ofTask = Objective.of(adapted.base().head().loss());
    return run(ofTask, input, targets, scale, seed).loss();
  }

  /**
   * Runs the forward and the backward pass of a batch. Each of several parallel adapters gets the
   * gradient that it would get alone.
   *
   * @param scale factor of the loss in the gradient: 1 / units of the step
   * @param seed seed of the dropout
   * @throws IllegalArgumentException if an id is not in the vocabulary, if a label is out of range,
   *     or if adapters are parallel and the objective is not the sum of the losses of labels
   */
  public Result run(
      Objective objective, ModelInput batch, LossTargets targets, double scale, long seed) {
    try (ModelCall call = adapted.newCall();
        Scope scope = new Scope()) {
      ModelInput input = batch.ranged(); // a graph that is recorded must not ask the device
      input.requireKnownIds(call.model().config());
      NDArray factor = input.ids().getManager().create(scale);
      LabelLoss perLabel = objective.perLabel().orElse(null);
      if (perLabel == null
          || graphs == null
          || objective.copies() > 1
          || !StepGraphs.areFor(call.model(), call.adapters(), input)) {
        return passes(
            call,
            objective,
            input,
            targets,
            seed,
            run -> run.loss(objective, factor),
            (loss, run) -> new Result(Tensors.floats(loss)[0], run.reported()));
      }
      double loss =
          graphs.run(
              StepInputs.of(call, input, targets, perLabel, factor),
              List.of(perLabel, call.adapters().composition(), tensors(call.adapters())),
              seed,
              in ->
                  passes(
                      call,
                      objective,
                      in.input(),
                      targets,
                      seed,
                      run -> run.loss(perLabel, in.labels(), in.scale()),
                      (sum, run) -> Scope.release(sum)));
      return new Result(loss, Map.of());
    }
  }

  /** Which tensors the adapters have, and whether each is trained now. */
  private static List<Object> tensors(ActiveAdapters adapters) {
    return adapters.all().stream()
        .flatMap(layer -> layer.trainables().stream())
        .map(Trainable::value)
        .<Object>flatMap(tensor -> Stream.of(tensor.getUid(), tensor.hasGradient()))
        .toList();
  }

  /**
   * Prepares the layers for a step, as its batches do. For a step none of whose batches runs here.
   */
  public void prepare() {
    try (ModelCall call = adapted.newCall();
        Scope scope = new Scope()) {
      List<TunerLayer<?, ?>> trained = trained(call);
      trained.forEach(layer -> layer.onTraining(true));
      trained.forEach(layer -> layer.onTraining(false));
    }
  }

  private static List<TunerLayer<?, ?>> trained(ModelCall call) {
    return call.adapters().all().stream().filter(TunerLayer::trains).toList();
  }

  /** The passes of a batch: forward, the loss down to the hidden states, backward. */
  private <R> R passes(
      ModelCall call,
      Objective objective,
      ModelInput input,
      LossTargets targets,
      long seed,
      Function<ModelRun, NDArray> loss,
      BiFunction<NDArray, ModelRun, R> result) {
    int copies = objective.copies();
    int replicas = ModelRun.replicas(objective, call.adapters());
    TransformerModel model = call.model();
    List<TunerLayer<?, ?>> trained = trained(call);
    trained.forEach(layer -> layer.onTraining(true));
    try (Tape.Recording tape = tapes.apply(seed);
        Pass pass = new Pass(tape, null, call.adapters()).training().copies(copies);
        Scope scope = new Scope()) {
      if (targets instanceof LossTargets.NextTokens) { // padding has no label
        pass.paddingUnread();
      }
      NDArray hidden = model.hidden(input.repeat(copies), pass);
      NDArray leaf = Autograd.leaf(hidden);
      try (ModelRun run =
          new ModelRun(model, input, targets, pass, leaf, true, ~seed, copies * replicas)) {
        NDArray sum;
        try (RandomState random = RandomState.seeded(~seed)) {
          sum = loss.apply(run);
        }
        NDArray gradient = Autograd.gradient(leaf);
        if (gradient != null) {
          leaf.close(); // or the states would stay until the end
          tape.backward(hidden, Scope.release(gradient));
        }
        return result.apply(sum, run);
      }
    } finally {
      trained.forEach(layer -> layer.onTraining(false));
    }
  }

  /**
   * The number that the lengths of a model's batches are best multiples of, so that more of them
   * have the same shapes.
   */
  public static int widths(TransformerModel model) {
    return model.device().isGpu() ? 8 : 1;
  }

  /** The number of CUDA graphs that stand for passes. */
  int graphs() {
    return graphs == null ? 0 : graphs.count();
  }

  /**
   * Frees the memory of CUDA graphs. There are none from here on.
   *
   * @return whether there were any
   */
  public boolean giveGraphsUp() {
    return graphs != null && graphs.giveUp();
  }

  /** Frees what has been recorded of steps. */
  @Override
  public void close() {
    if (graphs != null) {
      graphs.close();
    }
  }
}
