package io.github.peft4j.train.objective;

/**
 * A layer of a method that is trained with a loss of its own. Trainings and evaluations for which
 * no other objective is set take it.
 */
public interface OwnObjective {

  /**
   * The method's objective.
   *
   * @param ofTask the loss of the model's task, with the settings of the training
   */
  Objective objective(Objective ofTask);
}
