package io.github.peft4j.quantization;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Tensors;

/** What formats do with a weight before they round it. */
public final class Weights {

  private static final Kernel BY_ROWS =
      Kernel.of(
          """
          def rows(w: Tensor) -> Tensor:
              return torch.contiguous({w})
          """);

  private Weights() {}

  /**
   * The rows of a matrix one after the other.
   *
   * @param weight (out, in), or (in, out) if transposed
   * @return (out, in)
   */
  public static NDArray byRows(NDArray weight, boolean transposed) {
    return BY_ROWS.with("w", transposed ? "torch.t(w)" : "w").call(weight);
  }

  /**
   * Checks that a weight can be rounded.
   *
   * @param largest the largest sizes of numbers of the weight, or their scales
   * @param reason what else a number may be, if one of these is not finite, such as {@code ", or
   *     too large for float16"}; or empty
   * @throws IllegalArgumentException naming the format, if one is not finite
   */
  public static void requireFinite(NDArray largest, String reason, Quantization format) {
    for (float each : Tensors.floats(largest.abs().max(new int[] {0}))) {
      if (!Float.isFinite(each)) {
        throw new IllegalArgumentException(
            "a weight has numbers that are not finite"
                + reason
                + ", which "
                + format.named()
                + " cannot keep; check the checkpoint and its adapters, or load the model without quantize(…)");
      }
    }
  }
}
