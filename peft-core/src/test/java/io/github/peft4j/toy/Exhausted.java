package io.github.peft4j.toy;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;

/** Kernels that need more memory than a process can have: 2^48 bytes. */
public final class Exhausted {

  private static final Kernel FORWARD =
      Kernel.of(
          """
          def forward(x: Tensor) -> Tensor:
              return torch.add(x, torch.sum(torch.zeros([70368744177664])))
          """);

  /** The gradient of a choice among many is an array of as many. */
  private static final Kernel BACKWARD =
      Kernel.of(
          """
          def backward(x: Tensor) -> Tensor:
              one = torch.reshape(torch.narrow(torch.reshape(x, [-1]), 0, 0, 1), [1])
              many = torch.expand(one, [70368744177664])
              chosen = torch.index_select(many, 0, torch.zeros([1], dtype=4))
              return torch.add(x, torch.mul(chosen, 0.5))
          """);

  private Exhausted() {}

  /** Fails with PyTorch's error. */
  public static NDArray inForward(NDArray x) {
    return FORWARD.call(x);
  }

  /** Fails with PyTorch's error when the gradient is computed. */
  public static NDArray inBackward(NDArray x) {
    return BACKWARD.call(x);
  }
}
