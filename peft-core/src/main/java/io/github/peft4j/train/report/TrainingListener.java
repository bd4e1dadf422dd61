package io.github.peft4j.train.report;

import io.github.peft4j.train.FineTuner;

/**
 * Receives the events of a training. The training thread makes the calls, so they should be quick.
 * An exception is logged once and does not stop the training. An {@link Error} does stop it; to end
 * it in good order, call {@link FineTuner#stop}.
 */
public interface TrainingListener {

  /**
   * Called before the first step.
   *
   * @param event the steps to be done
   */
  default void onStart(StartEvent event) {}

  /**
   * Called after each step.
   *
   * @param event the step's loss, learning rate and speed
   */
  default void onStep(StepEvent event) {}

  /**
   * Called after each evaluation.
   *
   * @param event its results
   */
  default void onEvaluation(EvaluationEvent event) {}

  /**
   * Called after each checkpoint.
   *
   * @param event its folder
   */
  default void onCheckpoint(CheckpointEvent event) {}

  /**
   * Whether the training should end. It is asked after each step and each evaluation, and then ends
   * as after {@code FineTuner.stop()}: with a checkpoint, if it has a folder.
   */
  default boolean stops() {
    return false;
  }

  /**
   * Called after the last step, and also when the training ends early or fails after {@link
   * #onStart}.
   *
   * @param event the steps done and their duration
   */
  default void onEnd(EndEvent event) {}
}
