package io.github.peft4j.methods.ipt;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.methods.common.prompt.PromptNetwork;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.injection.Initializer;

/** W₁ relu(W₀ [eᵢ₋₁; eᵢ; eᵢ₊₁] + b₀) + b₁, with zeros before the first and behind the last. */
final class ConvolutionNetwork implements PromptNetwork {

  private static final int WIDTH = 3;

  private static final Kernel CONVOLVE =
      Kernel.of(
          """
          def convolve(e: Tensor, w0: Tensor, b0: Tensor, w1: Tensor, b1: Tensor) -> Tensor:   # (B, n, d)
              h = torch.conv1d(torch.transpose(e, 1, 2), w0, b0, [1], [1])   # (B, h, n)
              return torch.linear(torch.relu(torch.transpose(h, 1, 2)), w1, b1)
          """);

  private final Trainable w0;
  private final Trainable b0;
  private final Trainable w1;
  private final Trainable b1;

  ConvolutionNetwork(long d, long hidden, Initializer initial, Declaring layer) {
    double inner = 1 / Math.sqrt((double) WIDTH * d);
    double outer = 1 / Math.sqrt((double) hidden);
    this.w0 = layer.declare("conv.weight", initial.uniform(inner, hidden, d, WIDTH));
    this.b0 = layer.declare("conv.bias", initial.uniform(inner, hidden));
    this.w1 = layer.declare("linear.weight", initial.kaimingUniform(d, hidden));
    this.b1 = layer.declare("linear.bias", initial.uniform(outer, d));
  }

  @Override
  public NDArray forward(NDArray vectors, boolean training) {
    return CONVOLVE.call(vectors, w0.value(), b0.value(), w1.value(), b1.value());
  }
}
