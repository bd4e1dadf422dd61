package io.github.peft4j.tuner.training;

import ai.djl.ndarray.NDArray;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Work at the optimizer steps of a training, such as masking gradients, pruning ranks, projecting,
 * or drawing a new mask.
 *
 * <p>A step calls {@link #beforeClipping}, clips the gradients, calls {@link #beforeUpdate},
 * updates the tensors, and calls {@link #afterStep}. If a gradient is not finite, the first two are
 * called at most. Nothing that a listener computes is recorded by autograd.
 *
 * <p>A listener that keeps state between steps returns it from {@link #state}. Checkpoints store
 * it, so that a resumed training gives the same result as one without interruption.
 *
 * <p>A method registers its listener with {@code Sites.atSteps}.
 *
 * @see TrainingRule#listener
 */
public interface StepListener {

  /** Does nothing. */
  StepListener NONE = new StepListener() {};

  /** Called when the gradients of a step are collected, before they are clipped. */
  default void beforeClipping(Step step) {}

  /** Called when the gradients of a step are clipped, before the optimizer uses them. */
  default void beforeUpdate(Step step) {}

  /** Called after the optimizer has updated the tensors and before their gradients are cleared. */
  default void afterStep(Step step) {}

  /**
   * The state that is kept between steps, by name. The arrays stay the same until {@link
   * #afterTraining}, so that a checkpoint can save and restore their values.
   */
  default Map<String, NDArray> state() {
    return Map.of();
  }

  /**
   * Called after the tensors and the arrays of {@link #state} have been restored to their values
   * after a step.
   *
   * @param step number of steps done
   * @param totalSteps number of steps of the whole training
   */
  default void resumed(int step, int totalSteps) {}

  /**
   * Why the tensors after a step before the last may be no result, such as "LT-SFT's full phases
   * train all entries". Empty if they are one after each step. A training that keeps the tensors of
   * its best evaluation is refused with it.
   */
  default Optional<String> unfinished() {
    return Optional.empty();
  }

  /** Called at the end of a training, also of a failed one. Frees the arrays of {@link #state}. */
  default void afterTraining() {}

  /** A listener that calls others, in their order. */
  static StepListener all(List<? extends StepListener> listeners) {
    return listeners.size() == 1 ? listeners.get(0) : new StepListeners(List.copyOf(listeners));
  }
}
