package io.github.peft4j.methods.reft;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.Trainable;

/** R [r, D], the rows of the subspace in which hidden states are changed. */
interface Projection extends AutoCloseable {

  /** R in this pass. */
  NDArray of(ForwardContext context);

  /** Called after the tensors have been read from a folder. */
  default void loaded() {}

  /** A tensor of it in the form that the file holds. */
  default NDArray stored(Trainable tensor) {
    return tensor.value();
  }

  /** Frees what it holds beside its tensors. */
  @Override
  default void close() {}
}
