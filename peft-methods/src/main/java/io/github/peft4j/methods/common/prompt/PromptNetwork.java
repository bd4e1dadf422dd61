package io.github.peft4j.methods.common.prompt;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.Trainable;

/** Computes a prompt from vectors: (n, d) → (n, d), or those of a batch, (B, n, d) → (B, n, d). */
public interface PromptNetwork {

  /** Declares a tensor of a network, such as {@code Declarations::trainable}. */
  @FunctionalInterface
  interface Declaring {

    /**
     * Declares a trainable tensor.
     *
     * @param name of the tensor in the network
     * @param initial its initial value, which the layer owns from now on
     */
    Trainable declare(String name, NDArray initial);
  }

  /**
   * Computes the prompt.
   *
   * @param training whether dropout is on
   */
  NDArray forward(NDArray vectors, boolean training);
}
