package io.github.peft4j.transformer.loss;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;

/**
 * The squared errors of a text's values, Σ_v (y_v − t_v)², for regression. Each value counts as a
 * label, so that the mean is PyTorch's {@code mse_loss}.
 */
public record SquaredError() implements Losses.AnyPrecision {

  private static final Kernel SQUARED_ERROR =
      Kernel.of(
          """
          def squared_error(logits: Tensor, targets: Tensor) -> Tensor:   # (N, V), (N, V) → (N)
              return torch.sum(torch.pow(torch.sub(logits.to(targets.dtype), targets), 2), [-1])
          """);

  @Override
  public NDArray of(NDArray logits, NDArray targets) {
    return SQUARED_ERROR.call(logits, targets);
  }

  @Override
  public String toString() {
    return "squared error";
  }
}
