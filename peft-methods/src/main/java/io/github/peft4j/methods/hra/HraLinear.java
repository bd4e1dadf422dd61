package io.github.peft4j.methods.hra;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;

/**
 * y = W H₁ … Hᵣ x + b, with Hᵢ = 1 - 2 uᵢ uᵢᵀ and unit vectors uᵢ, the normalised columns of [in,
 * r].
 *
 * <p>The product of reflections is 1 - U T Uᵀ, where T⁻¹ is ½ on the diagonal, uᵢᵀ uⱼ above it and
 * 0 below (Joffrain et al. 2006): one product of rank r instead of r passes over x. With
 * orthonormal columns T is 2.
 */
final class HraLinear extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final String UNIT =
      """
      def basis(columns: Tensor) -> Tensor:                            # columns (in, r)
          return torch.div(columns, torch.linalg_vector_norm(columns, 2, [0], True))
      """;
  private static final String ORTHONORMAL =
      """
      def basis(columns: Tensor) -> Tensor:                            # columns (in, r)
          q, r, = torch.linalg_qr(columns)
          return q
      """;
  private static final String REFLECT =
      """
      def reflect(x: Tensor, columns: Tensor) -> Tensor:               # x (…, in)
          u = basis(columns)
          gram = torch.mm(torch.t(u), u)
          one = torch.eye(torch.size(u, 1), dtype=u.dtype, layout=None, device=u.device)
          inverse = torch.add(torch.triu(gram, 1), one, alpha=0.5)
          t = torch.linalg_solve_triangular(inverse, one, upper=True)
          low = torch.linear(x, torch.t({left}).to(x.dtype))           # (…, r)
          return torch.sub(x, torch.linear(low, {right}.to(x.dtype)))
      """;
  private static final String COLUMNS =
      """
      def columns_of(w: Tensor, columns: Tensor) -> Tensor:            # w (in, out)
          return torch.contiguous(torch.t(reflect(torch.t(w), columns)))
      """;

  private final Trainable u;
  private final Kernel reflect;
  private final Kernel merge;

  /**
   * Creates the adapter of one linear layer.
   *
   * @param columns initial value of the columns [in, r]
   * @param orthonormal whether the columns are orthonormalised instead of only normalised
   * @param transposed whether W is stored as [in, out]
   */
  HraLinear(NDArray columns, boolean orthonormal, boolean transposed) {
    this.u = trainable("hra_u", columns);
    String basis = orthonormal ? ORTHONORMAL : UNIT;
    this.reflect = Kernel.of(basis + REFLECT).with("left", "u").with("right", "torch.mm(u, t)");
    this.merge =
        Kernel.of(basis + REFLECT + (transposed ? COLUMNS : ""))
            .with("left", "torch.mm(u, t)")
            .with("right", "u");
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in)
    return base.forward(reflect.call(x, u.value()));
  }

  @Override
  public NDArray merge(NDArray weight) {
    return merge.call(weight, u.value());
  }
}
