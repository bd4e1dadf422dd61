package io.github.peft4j.transformer.loss;

import ai.djl.ndarray.NDArray;

/**
 * The loss of each label: logits (N, V) and targets to losses (N).
 *
 * <p>N labels are a slice of those of a batch. A loss must not depend on how labels are sliced: row
 * i of the result depends on row i of the arguments alone. A training minimises the sum of the
 * losses divided by the sum of the {@link #units}.
 */
@FunctionalInterface
public interface LabelLoss {

  /**
   * The losses of labels. While training, operations are recorded for the backward pass.
   *
   * @param logits (N, V) in 32 bits, or in 64 if the model computes in 64
   * @param targets classes (N) as 64-bit integers, or values (N, V) of the logits' type
   * @return the losses (N)
   */
  NDArray of(NDArray logits, NDArray targets);

  /**
   * What a label with a class counts for in the mean; by default 1.
   *
   * @param label the class, from 0
   */
  default double units(long label) {
    return 1;
  }
}
