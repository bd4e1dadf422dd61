package io.github.peft4j.methods.pruning;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.tuner.training.Step;
import io.github.peft4j.tuner.training.StepListener;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Decides after each step which weights the next one has. In inference, also during a training, it
 * is those of the final threshold.
 */
final class Pruner implements StepListener {

  private final PruningConfig config;
  private final List<PrunedWeight> layers;
  private @Nullable NDArray common;
  private boolean begun;
  private boolean changed;
  private boolean running;
  private double threshold;

  Pruner(PruningConfig config, List<PrunedWeight> layers) {
    this.config = config;
    this.layers = layers;
    this.threshold = config.initialThreshold();
    layers.forEach(layer -> layer.prunedBy(this));
  }

  /** Whether a training has begun, and did not end before its first step. */
  boolean hasBegun() {
    return begun;
  }

  /** The weight of one tensor's penalty in the loss. */
  double penaltyWeight() {
    return config.finalLambda() * threshold / config.finalThreshold() / layers.size();
  }

  /** Called before each batch of a training. */
  void begin() {
    if (!running) {
      begun = true;
      running = true;
      next(config.initialThreshold(), 0);
    }
  }

  /** Makes the masks of inference, unless they are known. Several threads may infer. */
  synchronized void cut() {
    if (!layers.get(0).knowsLast()) {
      Autograd.without(
          () -> {
            try (Scope scope = new Scope()) {
              double last = config.finalThreshold();
              NDArray limit = config.globalTopk() ? Binarizer.common(rankings(), last) : null;
              layers.forEach(layer -> layer.keepLast(mask(layer, last, limit)));
            }
            return null;
          });
    }
  }

  /**
   * Makes the masks of the next step.
   *
   * @param done number of steps done
   */
  private void next(double now, int done) {
    threshold = now;
    layers.forEach(layer -> layer.keepLast(null));
    if (config.pruningMethod() == PruningMethod.L0) {
      return;
    }
    Autograd.without(
        () -> {
          try (Scope scope = new Scope()) {
            if (config.globalTopk() && now < 1) {
              updateCommon(done);
            }
            boolean all = now >= 1 && config.pruningMethod() != PruningMethod.SIGMOIED_THRESHOLD;
            layers.forEach(layer -> layer.keepNow(all ? null : mask(layer, now, common)));
          }
          return null;
        });
  }

  private void updateCommon(int done) {
    NDArray present = common();
    boolean known = !Float.isNaN(Tensors.floats(present)[0]);
    if (!known || done % config.globalTopkFrequencyCompute() == 0) {
      Tensors.copy(present, Binarizer.common(rankings(), threshold));
    }
  }

  private List<NDArray> rankings() {
    return layers.stream().map(PrunedWeight::ranking).toList();
  }

  private NDArray mask(PrunedWeight layer, double now, @Nullable NDArray limit) {
    return limit == null
        ? Binarizer.mask(config.pruningMethod(), layer.ranking(), now)
        : Binarizer.above(layer.ranking(), limit);
  }

  private NDArray common() {
    NDArray present = common;
    if (present == null) {
      try (Scope scope = new Scope()) {
        NDArray like = layers.get(0).ranking();
        NDArray none = like.getManager().full(new Shape(), Float.NaN);
        present = Scope.release(none.toType(like.getDataType(), true));
      }
      common = present;
    }
    return present;
  }

  /** The common threshold of all tensors, which is not computed at each step. */
  @Override
  public Map<String, NDArray> state() {
    return config.globalTopk() ? Map.of("threshold", common()) : Map.of();
  }

  @Override
  public void resumed(int step, int totalSteps) {
    begun = true;
    changed = true;
    running = true;
    next(Schedule.of(config, totalSteps).at(step), step);
  }

  @Override
  public void beforeClipping(Step step) {
    Schedule.of(config, step.total()); // refuses a training that is too short, before it changes
  }

  @Override
  public void afterStep(Step step) {
    changed = true;
    next(Schedule.of(config, step.total()).at(step.number()), step.number());
  }

  @Override
  public void afterTraining() {
    running = false;
    begun = changed;
    threshold = config.initialThreshold();
    layers.forEach(layer -> layer.keepNow(null));
    if (common != null) {
      common.close();
      common = null;
    }
  }
}
