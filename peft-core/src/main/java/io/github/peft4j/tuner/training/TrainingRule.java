package io.github.peft4j.tuner.training;

import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.site.Rewrite;
import java.util.List;
import java.util.Optional;

/**
 * Decides how the tensors of an adapter are trained, where not all are trained alike, and may
 * change their gradients. Rules compose, see {@link #and}.
 *
 * <p>A rule that the user sets belongs to a training, not to the adapter: the adapter's files do
 * not contain it. A method that needs a rule of its own registers it with {@code Sites.rule}; the
 * user's rule comes after it.
 */
@FunctionalInterface
public interface TrainingRule {

  /** Trains all tensors alike. */
  TrainingRule ALIKE = (name, tensor, usual) -> Optional.of(usual);

  /**
   * Decides how one tensor is trained.
   *
   * @param name the tensor's name in the adapter file
   * @param usual the learning rate and weight decay that the training is set to
   * @return the tensor's group, or nothing if it stays fixed in this training
   */
  Optional<ParameterGroup> groupOf(String name, Trainable tensor, ParameterGroup usual);

  /**
   * Creates what the rule does at each step of a training, such as changing gradients.
   *
   * @param layers the adapter's layers and their sites
   * @return a listener; by default it does nothing
   * @throws IllegalArgumentException if the adapter has no layers that the rule is for
   */
  default StepListener listener(List<Rewrite> layers) {
    return StepListener.NONE;
  }

  /** This rule, and another one after it, which sees the groups that this rule gives. */
  default TrainingRule and(TrainingRule next) {
    return this == ALIKE ? next : next == ALIKE ? this : new BothRules(this, next);
  }
}
