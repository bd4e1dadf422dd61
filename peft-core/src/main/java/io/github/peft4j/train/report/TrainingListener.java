package io.github.peft4j.train.report;

import io.github.peft4j.train.FineTuner;

/**
 * Hears what happens in a training. Calls come from the thread that trains: be quick. An exception
 * is logged once and does not stop the training; an {@link Error} does, and {@link FineTuner#stop}
 * ends it in good order.
 */
public interface TrainingListener {

  /**
   * Before the first step.
   *
   * @param event what lies ahead
   */
  default void onStart(StartEvent event) {}

  /**
   * After each step.
   *
   * @param event how it went
   */
  default void onStep(StepEvent event) {}

  /**
   * After each evaluation.
   *
   * @param event its results
   */
  default void onEvaluation(EvaluationEvent event) {}

  /**
   * After the last step, and also when the training ends early or fails, but not if it failed
   * before {@link #onStart}.
   *
   * @param event what was done
   */
  default void onEnd(EndEvent event) {}
}
