package io.github.peft4j.methods.lora.factors;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;

/** s B A, with A [r, in] and B [out, r]. The product is only built for merging. */
public final class LowRankProduct {

  private static final Kernel ADD =
      Kernel.of(
          """
          def lora(x: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:  # x (…, in), y (…, out)
              low = torch.linear(torch.reshape(x, [-1, torch.size(x, -1)]), a.to(x.dtype))
              flat = torch.reshape(y, [-1, torch.size(y, -1)])
              sum = torch.addmm(flat, low, torch.t(b.to(x.dtype)), alpha={scale})
              return torch.reshape(sum, torch.size(y))
          """);
  private static final Kernel MERGE =
      Kernel.of(
          """
          def merge(w: Tensor, a: Tensor, b: Tensor) -> Tensor:            # w (out, in)
              return torch.addmm(w, b.to(w.dtype), a.to(w.dtype), alpha={scale})
          """);
  private static final Kernel MERGE_TRANSPOSED =
      Kernel.of(
          """
          def merge(w: Tensor, a: Tensor, b: Tensor) -> Tensor:            # w (in, out)
              return torch.addmm(w, torch.t(a.to(w.dtype)), torch.t(b.to(w.dtype)), alpha={scale})
          """);

  private final Kernel add;
  private final Kernel merge;

  /**
   * Creates the product of one module.
   *
   * @param scale s
   * @param transposed whether the weight that it is merged into is stored as [in, out]
   */
  public LowRankProduct(double scale, boolean transposed) {
    this.add = ADD.with("scale", scale);
    this.merge = (transposed ? MERGE_TRANSPOSED : MERGE).with("scale", scale);
  }

  /** y + s B A x. */
  public NDArray add(NDArray y, NDArray x, NDArray a, NDArray b) {
    return add.call(x, y, a, b);
  }

  /** W + s B A. */
  public NDArray merge(NDArray w, NDArray a, NDArray b) {
    return merge.call(w, a, b);
  }
}
