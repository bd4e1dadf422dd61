package io.github.peft4j.kernel;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Dropout (Srivastava et al. 2014): some elements are zeroed, the others scaled by 1 / (1 - p). */
public final class Dropout {

  /**
   * Dropout. On a CPU the forward pass rounds the scale to the type of x; what computes the result
   * again does the same.
   */
  private static final Kernel DROPOUT =
      Kernel.of(
              """
          def dropout(x: Tensor) -> Tensor:
              return torch.dropout(x, {p}, True)
          """)
          .derivative(
              "x",
              """
              def dropout(x: Tensor) -> List[Tensor]:
                  y, mask, = torch.native_dropout(x, {p}, True)
                  return [y, mask]
              """,
              """
              def back(g: Tensor, kept0: Tensor) -> Tensor:
                  return torch.native_dropout_backward(g, kept0, 1.0 / (1.0 - {p}))
              """)
          .cheap(
              Kernel.of(
                  """
                  def again(x: Tensor, kept0: Tensor) -> Tensor:
                      if x.is_cuda:
                          y = torch.native_dropout_backward(x, kept0, 1.0 / (1.0 - {p}))
                      else:
                          y = torch.mul(x, torch.mul(kept0.to(x.dtype), 1.0 / (1.0 - {p})))
                      return y
                  """));

  private static final Map<Double, Kernel> KERNELS = new ConcurrentHashMap<>();

  private Dropout() {}

  /**
   * A dropout kernel.
   *
   * @param probability the probability p that an element is zeroed, in [0, 1)
   */
  public static Kernel of(double probability) {
    return KERNELS.computeIfAbsent(probability, p -> DROPOUT.with("p", p));
  }
}
