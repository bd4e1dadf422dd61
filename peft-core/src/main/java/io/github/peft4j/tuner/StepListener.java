package io.github.peft4j.tuner;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.injection.Sites;
import java.util.Map;

/**
 * What a method does between steps: prune ranks, project, redraw a mask.
 *
 * <p>A method that remembers something from step to step says so in {@link #state}: checkpoints
 * hold it, and a training that goes on from one does as if it had never stopped.
 *
 * @see Sites#afterStep
 */
@FunctionalInterface
public interface StepListener {

  /**
   * Called when the optimizer has updated the tensors and their gradients are still there.
   *
   * @param step how many steps have been done, from 1 on
   * @param totalSteps how many steps the training is to have
   */
  void afterStep(int step, int totalSteps);

  /**
   * What is remembered from step to step, by name: the same arrays until {@link #afterTraining}, so
   * that their values can be saved and set.
   */
  default Map<String, NDArray> state() {
    return Map.of();
  }

  /**
   * Called when the tensors and the arrays of {@link #state} have been set to what they were after
   * a step.
   *
   * @param step how many steps had been done
   * @param totalSteps how many steps the training is to have
   */
  default void resumed(int step, int totalSteps) {}

  /** Called when a training is over, however it ended: frees the arrays of {@link #state}. */
  default void afterTraining() {}
}
