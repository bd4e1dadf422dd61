package io.github.peft4j.methods.spiel;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.tuner.training.Step;
import io.github.peft4j.tuner.training.StepListener;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Exchanges entries after certain steps; before them, candidates accumulate gradients. */
final class Reselection implements StepListener {

  private final SpielConfig config;
  private final List<ExchangedEntries> layers;
  private @Nullable NDArray accumulated;
  private int steps;

  Reselection(SpielConfig config, List<ExchangedEntries> layers) {
    this.config = config;
    this.layers = List.copyOf(layers);
    openAfter(0);
  }

  private boolean byMoments() {
    return config.selectionAlgorithm() == SelectionAlgorithm.MOMENT_APPROXIMATION;
  }

  private void openAfter(int done) {
    boolean open = config.accumulates(done + 1);
    layers.forEach(layer -> layer.candidates().open(open));
  }

  /** The number of steps whose gradients the candidates hold, as an array for checkpoints. */
  private NDArray accumulated() {
    NDArray present = accumulated;
    if (present == null) {
      NDArray values = layers.get(0).values().value();
      present = Scope.release(values.getManager().zeros(new Shape(1), DataType.FLOAT32));
      accumulated = present;
    }
    return present;
  }

  private void setSteps(int number) {
    steps = number;
    NDArray now = accumulated();
    try (NDArray value = now.getManager().create(new float[] {number}, now.getShape())) {
      Tensors.copy(now, value);
    }
  }

  @Override
  public Map<String, NDArray> state() {
    Map<String, NDArray> state = new LinkedHashMap<>();
    state.put("accumulated", accumulated());
    for (int i = 0; i < layers.size(); i++) {
      String prefix = i + ".";
      layers.get(i).candidates().state().forEach((name, a) -> state.put(prefix + name, a));
    }
    return state;
  }

  @Override
  public void resumed(int step, int totalSteps) {
    steps = Math.round(Tensors.floats(accumulated())[0]);
    layers.forEach(layer -> layer.candidates().resumed(steps > 0));
    openAfter(step);
  }

  @Override
  public Optional<String> whyOneDevice() {
    return byMoments()
        ? Optional.empty()
        : Optional.of(
            "SpIEL by accumulated gradients takes its candidates from the gradient of a step's first"
                + " batch: take SpielConfig.ma()");
  }

  @Override
  public void beforeUpdate(Step step) {
    layers.forEach(layer -> requireOptimizer(layer, step.moments(layer.values())));
    if (config.accumulates(step.number())) {
      layers.forEach(layer -> layer.candidates().fold());
      setSteps(steps + 1);
    }
  }

  /** Refuses an optimizer that lacks what reselections need. */
  private void requireOptimizer(ExchangedEntries layer, Map<String, NDArray> moments) {
    NDArray columns = moments.get("accumulator_1");
    boolean fits =
        byMoments()
            ? columns != null && columns.size() == layer.columns()
            : moments.containsKey("age");
    if (!fits && !moments.isEmpty()) {
      throw new IllegalArgumentException(
          "SpIEL by %s is trained by an optimizer of its own, %s, as reselections need what it knows of single entries: do not set another one with optimizer(…)"
              .formatted(config.selectionAlgorithm().json(), layer.optimizer()));
    }
  }

  @Override
  public void afterStep(Step step) {
    layers.forEach(layer -> layer.candidates().endStep(steps > 0));
    if (config.reselects(step.number())) {
      layers.forEach(layer -> exchange(layer, step));
      layers.forEach(layer -> layer.candidates().clear());
      setSteps(0);
    }
    openAfter(step.number());
  }

  /** A weight whose values are not trained, or of whose gradients none arrived, stays as it is. */
  private void exchange(ExchangedEntries layer, Step step) {
    Map<String, NDArray> moments = step.moments(layer.values());
    int k = (int) layer.values().size();
    int count = config.exchanged(k, step.number(), step.total());
    if (count == 0 || moments.isEmpty()) {
      return;
    }
    if (byMoments()) {
      Exchange.byMoments(layer, count, moments);
    } else if (layer.candidates().arePicked()) {
      Exchange.byGradients(layer, count, steps, moments);
    }
    layer.candidates().keepTrained();
  }

  @Override
  public void afterTraining() {
    layers.forEach(layer -> layer.candidates().close());
    if (accumulated != null) {
      accumulated.close();
      accumulated = null;
    }
    steps = 0;
    openAfter(0);
  }
}
