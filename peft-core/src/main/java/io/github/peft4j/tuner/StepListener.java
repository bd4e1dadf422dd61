package io.github.peft4j.tuner;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.injection.Sites;
import java.util.Map;

/**
 * A method's work between optimizer steps, such as pruning ranks, projecting, or drawing a new
 * mask.
 *
 * <p>A method that keeps state between steps returns it from {@link #state}. Checkpoints store it,
 * so that a resumed training gives the same result as one without interruption.
 *
 * @see Sites#afterStep
 */
@FunctionalInterface
public interface StepListener {

  /**
   * Called after the optimizer has updated the tensors and before their gradients are cleared.
   *
   * @param step number of steps done, from 1
   * @param totalSteps number of steps of the whole training
   */
  void afterStep(int step, int totalSteps);

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

  /** Called at the end of a training, also of a failed one. Frees the arrays of {@link #state}. */
  default void afterTraining() {}
}
