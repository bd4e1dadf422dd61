package io.github.peft4j.transformer.loss;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;

/** Kernels of the usual losses, and how a loss is called. */
public final class Losses {

  private static final Kernel FLOATS =
      Kernel.of(
          """
          def floats(x: Tensor) -> Tensor:
              if x.dtype == 7:
                  return x
              return x.to(6)
          """);
  private static final Kernel VALUES =
      Kernel.of(
          """
          def values(targets: Tensor, logits: Tensor) -> Tensor:
              if targets.dtype == 4:
                  return targets
              if logits.dtype == 7:
                  return targets.to(7)
              return targets.to(6)
          """);

  private Losses() {}

  /** A loss that takes logits of any precision, so that no 32-bit copy of them is made. */
  interface AnyPrecision extends LabelLoss {}

  /**
   * Calls a loss.
   *
   * @param logits (N, V) in the model's precision
   * @param targets classes (N) as 64-bit integers, or values (N, V) in 64-bit numbers
   * @return the losses (N)
   * @throws IllegalArgumentException if the loss gives another shape
   */
  public static NDArray of(LabelLoss loss, NDArray logits, NDArray targets) {
    NDArray taken = loss instanceof AnyPrecision ? logits : floats(logits);
    NDArray losses = loss.of(taken, VALUES.call(targets, logits));
    long labels = targets.getShape().get(0);
    if (losses.getShape().dimension() != 1 || losses.getShape().get(0) != labels) {
      throw new IllegalArgumentException(
          "a loss of labels gave an array of shape %s for %d labels; expected (%d), one loss for each label"
              .formatted(losses.getShape(), labels, labels));
    }
    return losses;
  }

  /** A 32-bit array of the same numbers; arrays of 64 bits stay as they are. */
  public static NDArray floats(NDArray x) {
    return FLOATS.call(x);
  }
}
