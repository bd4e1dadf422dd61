package io.github.peft4j.methods.reft;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.SharedTensor;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.injection.Sites;
import java.util.List;

/**
 * An R with orthonormal rows, as PyTorch's {@code parametrizations.orthogonal} has it: Rᵀ = B Q,
 * with a fixed orthogonal B [D, D] and Q [D, r] made of X [r, D].
 *
 * <ul>
 *   <li>r below D: Q is the product of the reflections I − τᵢ aᵢ aᵢᵀ, where aᵢ is what row i of X
 *       has behind its diagonal, with a 1 in front. The diagonal holds the signs of Q's columns.
 *       PyTorch cuts it to whole numbers, so that weight decay makes its −1 a 0 and R with it. Here
 *       it does not change in a training.
 *   <li>r = D: Q = exp(L − Lᵀ) with the lower triangle L of X.
 * </ul>
 */
final class OrthogonalProjection implements Projection {

  private static final Kernel BASE =
      Kernel.of(
          """
          def base(n: Tensor) -> Tensor:
              q, r = torch.linalg_qr(n)
              return q.contiguous()
          """);
  private static final Kernel DIAGONAL =
      Kernel.of(
          """
          def diagonal(x: Tensor) -> Tensor:                                 # (r, D) → (r)
              return torch.clone(torch.diagonal(x))
          """);
  private static final Kernel WITH_DIAGONAL =
      Kernel.of(
          """
          def with_diagonal(x: Tensor, d: Tensor) -> Tensor:                 # (r, D), (r)
              rest = torch.sub(x, torch.diagonal_scatter(torch.zeros_like(x), torch.diagonal(x)))
              return torch.diagonal_scatter(rest, d)
          """);
  private static final Kernel REFLECTIONS =
      Kernel.of(
          """
          def reflections(x: Tensor, base: Tensor, d: Tensor) -> Tensor:     # (r, D), (D, D), (r)
              a = torch.tril(torch.t(x), -1)                                 # (D, r)
              tau = torch.div(2.0, torch.add(torch.sum(torch.mul(a, a), [0]), 1.0))
              q = torch.mul(torch.linalg_householder_product(a, tau), torch.trunc(d))
              return torch.t(torch.mm(base, q))                              # (r, D)
          """);
  private static final Kernel EXPONENTIAL =
      Kernel.of(
          """
          def exponential(x: Tensor, base: Tensor, d: Tensor) -> Tensor:
              l = torch.tril(x)
              return torch.mm(base, torch.matrix_exp(torch.sub(l, torch.t(l))))
          """);

  private final Trainable x;
  private final Trainable diagonal;
  private final SharedTensor r;

  /**
   * Creates an R.
   *
   * @param module its name in the layer
   */
  OrthogonalProjection(String module, long r, long d, ReftTensors layer, Sites sites) {
    double sign = r == d ? 0 : -1;
    try (Scope scope = new Scope()) {
      this.diagonal = Trainable.buffer("diagonal", sites.initial().filled(sign, r));
      NDArray zeros = sites.initial().zeros(r, d);
      this.x =
          layer.trained(
              module + ".parametrizations.weight.original",
              WITH_DIAGONAL.call(zeros, diagonal.value()));
      Trainable base =
          layer.fixed(
              module + ".parametrizations.weight.0.base",
              sites.isFresh()
                  ? BASE.call(sites.initial().normal(1, d, d))
                  : sites.initial().zeros(d, d));
      Kernel kernel = r == d ? EXPONENTIAL : REFLECTIONS;
      this.r =
          layer.reads(
              new SharedTensor(
                  List.of(x), context -> kernel.call(x.value(), base.value(), diagonal.value())));
    }
  }

  @Override
  public NDArray of(ForwardContext context) {
    return context.value(r);
  }

  @Override
  public void loaded() {
    try (Scope scope = new Scope()) {
      Tensors.copy(diagonal.value(), DIAGONAL.call(x.value()));
    }
  }

  @Override
  public NDArray stored(Trainable tensor) {
    return tensor == x ? WITH_DIAGONAL.call(x.value(), diagonal.value()) : tensor.value();
  }

  @Override
  public void close() {
    diagonal.close();
  }
}
