package io.github.peft4j.tuner;

/**
 * What a method does between steps: prune ranks, project, redraw a mask.
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
}
