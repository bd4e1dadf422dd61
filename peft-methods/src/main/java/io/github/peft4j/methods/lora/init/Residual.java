package io.github.peft4j.methods.lora.init;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;

/** What is left of a weight after it has been quantised. */
public final class Residual {

  private static final Kernel LARGEST =
      Kernel.of(
          """
          def largest(w: Tensor, q: Tensor) -> List[Tensor]:                 # (out, in)
              u, s, vt = torch.linalg_svd(torch.sub(w, q.to(w.dtype)), False)
              root = torch.sqrt(torch.div(torch.narrow(s, 0, 0, {r}), {scale}))
              a = torch.mul(torch.reshape(root, [-1, 1]), torch.narrow(vt, 0, 0, {r}))
              b = torch.mul(torch.narrow(u, 1, 0, {r}), root)
              return [torch.contiguous(a), torch.contiguous(b)]
          """);

  private Residual() {}

  /**
   * A and B with the best s B A of rank r for W − Q.
   *
   * @param weight W (out, in)
   * @param quantized Q (out, in)
   * @param r at most the smaller size
   * @param scale s
   */
  public static InitialFactors largest(NDArray weight, NDArray quantized, int r, double scale) {
    NDList both =
        Autograd.without(
            () -> LARGEST.with("r", r).with("scale", scale).callForAll(weight, quantized));
    return new InitialFactors(both.get(0), both.get(1));
  }
}
