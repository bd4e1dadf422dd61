package io.github.peft4j.train;

import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.train.optimizer.ParameterGroup;
import io.github.peft4j.tuner.Trainable;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * How single tensors of an adapter are trained where they are not all trained alike. It belongs to
 * a training and not to the adapter: nothing of it is in the adapter's files.
 *
 * @see FineTuner#rule
 */
@FunctionalInterface
public interface TrainingRule {

  /** All alike. */
  TrainingRule ALIKE = (name, tensor, usual) -> Optional.of(usual);

  /**
   * How one tensor is trained.
   *
   * @param name in the adapter file
   * @param usual what {@link FineTuner} was told of all
   * @return its group, or nothing if it stays as it is in this training
   */
  Optional<ParameterGroup> groupOf(String name, Trainable tensor, ParameterGroup usual);

  /**
   * How the tensors of an adapter are trained.
   *
   * @param usual what {@link FineTuner} was told of all
   * @return those that are trained, in the adapter's order
   * @throws IllegalArgumentException if nothing is left to be trained
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
   * What is done to the gradients of an adapter in every step.
   *
   * @return nothing, unless the rule says otherwise
   */
  default Correction correction(Adapter adapter) {
    return () -> {};
  }

  /** Changes gradients in place before the optimizer uses them. */
  @FunctionalInterface
  interface Correction extends AutoCloseable {

    /** Called when a step's gradients are collected and clipped, and before the update. */
    void correct();

    @Override
    default void close() {}
  }
}
