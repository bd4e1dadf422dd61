package io.github.peft4j.kernel;

import ai.djl.ndarray.NDArray;

/** Kernels of single operators that many computations share. */
public final class Ops {

  private static final Kernel ADD =
      Kernel.of(
          """
          def add(x: Tensor, y: Tensor) -> Tensor:
              return torch.add(x, y)
          """);
  private static final Kernel SUBTRACT =
      Kernel.of(
          """
          def subtract(x: Tensor, y: Tensor) -> Tensor:
              return torch.sub(x, y)
          """);
  private static final Kernel TRANSPOSE =
      Kernel.of(
          """
          def transpose(x: Tensor) -> Tensor:
              return torch.t(x)
          """);

  private Ops() {}

  /** x + y, broadcast. */
  public static NDArray add(NDArray x, NDArray y) {
    return ADD.call(x, y);
  }

  /** x - y, broadcast. */
  public static NDArray subtract(NDArray x, NDArray y) {
    return SUBTRACT.call(x, y);
  }

  /** xᵀ of a matrix x, on the same memory. */
  public static NDArray transpose(NDArray x) {
    return TRANSPOSE.call(x);
  }
}
