package io.github.peft4j.train.objective;

import ai.djl.ndarray.NDArray;

/** The loss of each label, given two logits of it: by two passes, or by two models. */
@FunctionalInterface
public interface PairLoss {

  /**
   * The losses of labels.
   *
   * @param logits (N, V) in 32 bits, or in 64 if the model computes in 64
   * @param others (N, V) of the same labels by the other pass or model
   * @param targets classes (N) as 64-bit integers, or values (N, V)
   * @return the losses (N)
   */
  NDArray of(NDArray logits, NDArray others, NDArray targets);
}
