package io.github.peft4j.methods.lora.dora;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Remembered;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.ParameterSite;
import java.util.List;
import java.util.function.Supplier;

/**
 * The norm n = ‖W + s B A‖ of one module, for each row, cached while A and B stay the same. It is
 * used outside of training; in training, {@link WeightNorms} computes the norms of many modules
 * together. It takes part in no gradient.
 *
 * <p>B A is never built: ‖W + s B A‖² = ‖W‖² + 2 s Σ(W Aᵀ ∘ B) + s² Σ(B (A Aᵀ) ∘ B), and ‖W‖² is
 * computed once.
 */
final class WeightNorm implements AutoCloseable {

  private static final Kernel NORM =
      Kernel.of(
          """
          def norm(w: Tensor, square: Tensor, a: Tensor, b: Tensor) -> Tensor:
              product = torch.mm({weight}, torch.t(a.to(w.dtype))).to(b.dtype)     # W Aᵀ (out, r)
              own = torch.mm(a, torch.t(a))                                        # A Aᵀ (r, r)
              sum = torch.addmm(product, b, own, beta=2, alpha={scale})
              change = torch.sum(torch.mul(sum, b), [1])
              total = torch.add(square, change, alpha={scale})
              return torch.sqrt(torch.clamp_min(total, 1e-24))                     # (out)
          """);

  /**
   * The helper {@code scaled(y, g, c, zero, one)} computes y ∘ g + c for y (N, out). It is a batch
   * norm of mean 0 and variance 1, because the gradient of g then takes one pass over y and dy;
   * that of a product takes three.
   */
  static final String SCALED =
      """
      def scaled(y: Tensor, g: Tensor, c: Tensor, zero: Tensor, one: Tensor) -> Tensor:
          product, mean, deviation = torch.native_batch_norm(y, g, c, zero, one, False, 0., 0.)
          return product
      """;

  private static final Kernel SQUARE =
      Kernel.of(
          """
          def square(w: Tensor, like: Tensor) -> Tensor:                       # w (out, in) → (out)
              return torch.square(torch.linalg_vector_norm({weight}, 2, [1], False, dtype=like.dtype))
          """);
  private final ParameterSite weight;
  private final String rows;
  private final Kernel norm;
  private final NDArray square;
  private final NDArray zero;
  private final NDArray one;
  private final Remembered value;

  /**
   * Creates the norm of a module.
   *
   * @param transposed whether the weight is stored as (in, out)
   * @param a A (r, in)
   * @param b B (out, r)
   * @param sources the tensors that A and B are computed from
   */
  WeightNorm(
      ParameterSite weight,
      boolean transposed,
      double scale,
      Initializer initial,
      Supplier<NDArray> a,
      Supplier<NDArray> b,
      NDArray... sources) {
    long out = weight.shape().get(transposed ? 1 : 0);
    this.weight = weight;
    this.rows = transposed ? "torch.t(w)" : "w";
    this.norm = NORM.with("weight", rows).with("scale", scale);
    this.zero = Scope.release(initial.zeros(out));
    this.one = Scope.release(initial.filled(1, out));
    Kernel kernel = SQUARE.with("weight", rows);
    this.square = Scope.release(Autograd.without(() -> kernel.call(weight.frozen(), one)));
    this.value =
        new Remembered(() -> norm.call(weight.frozen(), square, a.get(), b.get()), sources);
  }

  /** n (out). */
  NDArray value() {
    return value.value();
  }

  /** Discards the cached value, because A and B have changed. */
  void forget() {
    value.forget();
  }

  /** Binds the weight (out, in), as an expression over the stored w, in a kernel. */
  Kernel bind(Kernel kernel) {
    return kernel.with("weight", rows);
  }

  /** The frozen weight as stored. */
  NDArray weight() {
    return weight.frozen();
  }

  /** ‖W‖² (out). */
  NDArray square() {
    return square;
  }

  /** Zeros (out). */
  NDArray zero() {
    return zero;
  }

  /** Ones (out). */
  NDArray one() {
    return one;
  }

  @Override
  public void close() {
    value.close();
    List.of(square, zero, one).forEach(NDArray::close);
  }
}
