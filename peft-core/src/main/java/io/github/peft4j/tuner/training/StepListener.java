package io.github.peft4j.tuner.training;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.Trainable;
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
   * after a step, and after passes that do not count: what these have left beside gradients is to
   * be forgotten.
   *
   * @param step number of steps done
   * @param totalSteps number of steps of the whole training
   */
  default void resumed(int step, int totalSteps) {}

  /**
   * Tensors that the method trains itself, beside those of the adapter, by the gradients that
   * passes leave. A training on several devices adds these up as all others.
   */
  default List<Trainable> trained() {
    return List.of();
  }

  /**
   * Why the passes of a step have to run on one device: they leave something beside gradients,
   * which cannot be added up. Empty if they do not. A training on several devices is refused with
   * it.
   */
  default Optional<String> whyOneDevice() {
    return Optional.empty();
  }

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
