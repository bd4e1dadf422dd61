package io.github.peft4j.transformer.loss;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;

/**
 * The binary cross entropies of a text's labels, each of which is true or not: −Σ_v t_v log σ(y_v)
 * + (1 − t_v) log σ(−y_v). Each of the V labels counts, so that the mean is PyTorch's {@code
 * binary_cross_entropy_with_logits}.
 */
public record BinaryCrossEntropy() implements Losses.AnyPrecision {

  private static final Kernel BINARY_CROSS_ENTROPY =
      Kernel.of(
          """
          def binary_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:   # (N, V) → (N)
              losses = torch.binary_cross_entropy_with_logits(
                  logits.to(targets.dtype), targets, None, None, 0)
              return torch.sum(losses, [-1])
          """);

  @Override
  public NDArray of(NDArray logits, NDArray targets) {
    return BINARY_CROSS_ENTROPY.call(logits, targets);
  }

  @Override
  public String toString() {
    return "binary cross entropy";
  }
}
