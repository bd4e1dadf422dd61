package io.github.peft4j.embed;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.transformer.activation.Activation;
import org.jspecify.annotations.Nullable;

/**
 * A layer after pooling, f(x Wᵀ + b): sentence-transformers' {@code Dense}.
 *
 * @param weight W, row by row: out · in numbers
 * @param bias b, out numbers; null for none
 * @param in the size of x
 * @param out the size of the result
 */
@SuppressWarnings("ArrayRecordComponent") // The arrays become tensors; nobody compares them.
public record DenseLayer(
    float[] weight, float @Nullable [] bias, int in, int out, Activation activation) {

  private static final Kernel MAP =
      Kernel.of(
          """
          def dense(x: Tensor, weight: Tensor) -> Tensor:                   # (B, in), (out, in)
              return torch.linear(x, weight.to(x.dtype))
          """);
  private static final Kernel ADD =
      Kernel.of(
          """
          def add(x: Tensor, bias: Tensor) -> Tensor:                       # (B, out), (out)
              return torch.add(x, bias.to(x.dtype))
          """);

  @Override
  public String toString() {
    return "dense %d → %d, %s".formatted(in, out, activation);
  }

  NDArray apply(NDArray x) { // (B, in)
    NDManager manager = x.getManager();
    NDArray mapped = MAP.call(x, manager.create(weight, new Shape(out, in)));
    return activation.apply(bias == null ? mapped : ADD.call(mapped, manager.create(bias)));
  }
}
