package io.github.peft4j.kernel;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import java.util.List;

/** Kernels of single operators that many computations share. */
public final class Ops {

  /** The sum of tensors of one shape. */
  private static final Kernel ADD_SAME =
      Kernel.of(
              """
          def add(x: Tensor, y: Tensor) -> Tensor:
              return torch.add(x, y)
          """)
          .derivative("x, y")
          .late(
              Kernel.UNREAD
                  + """
                  def add(x: Tensor) -> Tensor:
                      return unread(x, torch.size(x, -1))
                  """,
              """
              def add(x: Tensor, y: Tensor) -> Tensor:
                  return torch.add(x, y)
              """);

  private static final Kernel ADD =
      Kernel.of(
              """
          def add(x: Tensor, y: Tensor) -> Tensor:
              return torch.add(x, y)
          """)
          .derivative(
              "x, y",
              """
              def back(g: Tensor, x: Tensor, y: Tensor) -> List[Tensor]:
                  return [torch.sum_to_size(g, torch.size(x)), torch.sum_to_size(g, torch.size(y))]
              """);
  private static final Kernel BESIDE =
      Kernel.of(
          """
          def beside(x: Tensor, y: Tensor) -> Tensor:            # of any device
              return torch.to(y, x.device, y.dtype, False, False)
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

  private static final Kernel SUM =
      Kernel.of(
          """
          def sum(x: Tensor) -> Tensor:
              return torch.sum(x)
          """);
  private static final Kernel FILL_LIKE =
      Kernel.of(
          """
          def fill_like(x: Tensor, value: Tensor) -> Tensor:
              return torch.mul(torch.ones_like(x), value.to(x.dtype))
          """);
  private static final Kernel NARROW =
      Kernel.of(
          """
          def narrow(x: Tensor, start: Tensor, count: Tensor) -> Tensor:
              return torch.narrow(x, 0, int(start), int(count))
          """);
  private static final Kernel CONCATENATE =
      Kernel.of(
          """
          def concatenate(parts: List[Tensor]) -> Tensor:
              return torch.cat(parts, 0)
          """);

  private Ops() {}

  /** x + y, broadcast. */
  public static NDArray add(NDArray x, NDArray y) {
    return (x.getShape().equals(y.getShape()) ? ADD_SAME : ADD).call(x, y);
  }

  /** x + y, broadcast, on the device of x; y may be on another. */
  public static NDArray addAcross(NDArray x, NDArray y) {
    return add(x, beside(x, y));
  }

  /** y on the device of x, on the same memory if it is there already. */
  public static NDArray beside(NDArray x, NDArray y) {
    return BESIDE.call(x, y);
  }

  /** x - y, broadcast. */
  public static NDArray subtract(NDArray x, NDArray y) {
    return SUBTRACT.call(x, y);
  }

  /** The sum of all elements: a scalar. */
  public static NDArray sum(NDArray x) {
    return SUM.call(x);
  }

  /** A tensor of x's shape and type, filled with a scalar of the same device. */
  public static NDArray fillLike(NDArray x, NDArray value) {
    return FILL_LIKE.call(x, value);
  }

  /** Some rows of x along its first dimension, on the same memory. */
  public static NDArray narrow(NDArray x, long start, long count) {
    return NARROW.call(x, Tensors.scalar(start), Tensors.scalar(count));
  }

  /** Arrays joined along their first dimension; one array alone is returned as it is. */
  public static NDArray concatenate(List<NDArray> parts) {
    return parts.size() == 1
        ? parts.get(0)
        : CONCATENATE.callWithLists(new NDList(parts)).singletonOrThrow();
  }

  /** xᵀ of a matrix x, on the same memory. */
  public static NDArray transpose(NDArray x) {
    return TRANSPOSE.call(x);
  }
}
