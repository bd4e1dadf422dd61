package io.github.peft4j.methods.lora.factors;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;

/** s B A, with A [r, in] and B [out, r]. The product is only built for merging. */
public final class LowRankProduct {

  /** TorchScript that adds s · left · right to a gradient, whatever its precision. */
  public static final String ADD_TO =
      """
      def add_to(into: Tensor, left: Tensor, right: Tensor, scale: float):
          if into.dtype == left.dtype:
              torch.addmm_(into, left, right, alpha=scale)
          else:
              torch.add_(into, torch.mm(left, right), alpha=scale)

      """;

  private static final String SUM =
      """
      def summed(x: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tuple[Tensor, Tensor]:
          low = torch.linear(torch.reshape(x, [-1, torch.size(x, -1)]), a.to(x.dtype))
          flat = torch.reshape(y, [-1, torch.size(y, -1)])
          sum = torch.{addmm}(flat, low, torch.t(b.to(x.dtype)), alpha={scale})
          return (torch.reshape(sum, torch.size(y)), low)

      """;
  private static final Kernel ADD =
      Kernel.of(
              SUM
                  + """
                  def lora(x: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:  # x (…, in), y (…, out)
                      sum, low, = summed(x, y, a, b)
                      return sum
                  """)
          .derivative(
              "x, y",
              SUM
                  + """
                  def lora(x: Tensor, y: Tensor, a: Tensor, b: Tensor) -> List[Tensor]:
                      sum, low, = summed(x, y, a, b)
                      return [sum, low]
                  """,
              ADD_TO
                  + """
              def back(g: Tensor, x: Tensor, a: Tensor, b: Tensor, kept0: Tensor, into_a: Tensor, into_b: Tensor, sum_x: Tensor) -> List[Tensor]:
                  flat = torch.reshape(g, [-1, torch.size(g, -1)])             # (N, out)
                  low = torch.mm(flat, b.to(g.dtype))                          # (N, r)
                  add_to(into_b, torch.t(flat), kept0, {scale})
                  add_to(into_a, torch.t(low), torch.reshape(x, [-1, torch.size(x, -1)]), {scale})
                  aw = a.to(g.dtype)
                  if torch.numel(sum_x) > 0:
                      sum = torch.reshape(sum_x, [-1, torch.size(x, -1)])
                      onward = torch.addmm_(sum, low, aw, alpha={scale})
                  else:
                      onward = torch.mul_(torch.mm(low, aw), {scale})
                  return [torch.reshape(onward, torch.size(x)), g]
              """)
          .late(
              Kernel.UNREAD
                  + """
                  def lora(x: Tensor, a: Tensor, b: Tensor) -> List[Tensor]:
                      low = torch.linear(torch.reshape(x, [-1, torch.size(x, -1)]), a.to(x.dtype))
                      return [unread(x, torch.size(b, 0)), low]
                  """,
              """
              def lora(y: Tensor, b: Tensor, kept0: Tensor) -> Tensor:
                  flat = torch.reshape(y, [-1, torch.size(y, -1)])
                  sum = torch.{addmm}(flat, kept0, torch.t(b.to(y.dtype)), alpha={scale})
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
  private final Kernel addTo;
  private final Kernel merge;

  /**
   * Creates the product of one module.
   *
   * @param scale s
   * @param transposed whether the weight that it is merged into is stored as [in, out]
   */
  public LowRankProduct(double scale, boolean transposed) {
    Kernel sum = ADD.with("scale", scale);
    this.add = sum.with("addmm", "addmm");
    this.addTo = sum.with("addmm", "addmm_");
    this.merge = (transposed ? MERGE_TRANSPOSED : MERGE).with("scale", scale);
  }

  /** y + s B A x. */
  public NDArray add(NDArray y, NDArray x, NDArray a, NDArray b) {
    return add.call(x, y, a, b);
  }

  /**
   * y + s B A x in the memory of y, which nobody else may read; PyTorch's graph, if it records,
   * gets other memory.
   */
  public NDArray addTo(NDArray y, NDArray x, NDArray a, NDArray b) {
    boolean graph = Autograd.isRecording() && !Kernel.isNoted();
    return (graph ? add : addTo).call(x, y, a, b);
  }

  /** W + s B A. */
  public NDArray merge(NDArray w, NDArray a, NDArray b) {
    return merge.call(w, a, b);
  }
}
