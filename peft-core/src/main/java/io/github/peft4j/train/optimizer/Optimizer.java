package io.github.peft4j.train.optimizer;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.training.ParameterGroup;
import java.util.Map;

/** Updates tensors by the gradients that they have collected. It owns its state. */
public interface Optimizer extends AutoCloseable {

  /**
   * Which optimizer a training uses, with its settings. {@link Object#toString} must name all that
   * results depend on: a run is only resumed with an optimizer of the same text.
   */
  @FunctionalInterface
  interface Settings {

    /**
     * Creates the optimizer.
     *
     * @param tensors the tensors to update, in order, each with its group
     * @param learningRate the reference rate. {@link Optimizer#update} scales each group's rate by
     *     the ratio of its argument to this rate
     */
    Optimizer of(Map<Trainable, ParameterGroup> tensors, double learningRate);
  }

  /** The gradients of its tensors. */
  Gradients gradients();

  /**
   * Updates all tensors that a gradient has reached; the others stay as they are. The gradients
   * stay until {@link Gradients#clear}.
   *
   * @param rate the learning rate
   */
  void update(double rate);

  /**
   * The state of one tensor, by PyTorch's names, or by bitsandbytes' if it has 8 bits; empty if it
   * is not updated here. Arrays may be in the host's memory.
   */
  Map<String, NDArray> moments(Trainable tensor);

  /** The state of all tensors by name, for saving and restoring. The arrays stay the same. */
  Map<String, NDArray> state();

  @Override
  void close();
}
