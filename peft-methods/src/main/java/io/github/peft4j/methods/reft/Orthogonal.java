package io.github.peft4j.methods.reft;

import io.github.peft4j.kernel.Kernel;

/** The kernels of PyTorch's {@code torch.nn.utils.parametrizations.orthogonal}. */
final class Orthogonal {

  /** A random orthogonal matrix out of a normal one. */
  static final Kernel BASE =
      Kernel.of(
          """
          def base(n: Tensor) -> Tensor:
              q, r = torch.linalg_qr(n)
              return q
          """);

  /** −I, for which Q is I. */
  static final Kernel START =
      Kernel.of(
          """
          def start(zeros: Tensor) -> Tensor:
              n = torch.size(zeros, 0)
              return torch.neg(torch.eye(n, torch.size(zeros, 1), dtype=zeros.dtype, device=zeros.device))
          """);

  /**
   * R for fewer rows than columns. Signs come from X's diagonal, of which PyTorch takes the whole
   * part.
   */
  static final Kernel TALL =
      Kernel.of(
          """
          def tall(x: Tensor, base: Tensor) -> Tensor:                       # (r, D), (D, D)
              signs = torch.trunc(torch.diagonal(x)).detach()                # (r)
              a = torch.tril(torch.t(x), -1)                                 # (D, r)
              tau = torch.div(2.0, torch.add(torch.sum(torch.mul(a, a), [0]), 1.0))
              q = torch.mul(torch.linalg_householder_product(a, tau), signs) # (D, r)
              return torch.t(torch.mm(base, q))
          """);

  /** R for as many rows as columns, which PyTorch does not transpose: R = B exp(L − Lᵀ). */
  static final Kernel SQUARE =
      Kernel.of(
          """
          def square(x: Tensor, base: Tensor) -> Tensor:
              l = torch.tril(x)
              return torch.mm(base, torch.matrix_exp(torch.sub(l, torch.t(l))))
          """);

  private Orthogonal() {}
}
