package io.github.peft4j.train;

import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.train.optimizer.ParameterGroup;
import io.github.peft4j.tuner.Trainable;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Decides how each tensor of an adapter is trained, where not all are trained alike. A rule belongs
 * to a training, not to the adapter: the adapter's files do not contain it.
 *
 * @see FineTuner#rule
 */
@FunctionalInterface
public interface TrainingRule {

  /** Trains all tensors alike. */
  TrainingRule ALIKE = (name, tensor, usual) -> Optional.of(usual);

  /**
   * Decides how one tensor is trained.
   *
   * @param name the tensor's name in the adapter file
   * @param usual the learning rate and weight decay that {@link FineTuner} is set to
   * @return the tensor's group, or nothing if it stays fixed in this training
   */
  Optional<ParameterGroup> groupOf(String name, Trainable tensor, ParameterGroup usual);

  /**
   * Decides how all tensors of an adapter are trained.
   *
   * @param usual the learning rate and weight decay that {@link FineTuner} is set to
   * @return the trainable tensors, in the adapter's order
   * @throws IllegalArgumentException if no tensor is left to train
   */
  default Map<Trainable, ParameterGroup> groups(Adapter adapter, ParameterGroup usual) {
    Map<Trainable, ParameterGroup> chosen = new LinkedHashMap<>();
    adapter
        .tensors()
        .forEach(
            (name, tensor) -> {
              if (!tensor.isBuffer()) {
                groupOf(name, tensor, usual).ifPresent(group -> chosen.putIfAbsent(tensor, group));
              }
            });
    if (chosen.isEmpty()) {
      throw new IllegalArgumentException(
          "rule " + this + " leaves nothing of " + adapter + " to be trained");
    }
    return chosen;
  }

  /**
   * Creates the correction that changes the gradients of an adapter in every step.
   *
   * @return a correction; by default it changes nothing
   */
  default Correction correction(Adapter adapter) {
    return () -> {};
  }

  /** Changes gradients in place before the optimizer uses them. */
  @FunctionalInterface
  interface Correction extends AutoCloseable {

    /**
     * Called in every step after the gradients are collected and clipped, and before the update.
     */
    void correct();

    @Override
    default void close() {}
  }
}
