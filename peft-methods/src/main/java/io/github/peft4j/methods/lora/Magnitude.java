package io.github.peft4j.methods.lora;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.tuner.Initial;
import io.github.peft4j.tuner.ParameterSite;
import java.util.List;

/**
 * What DoRA scales a module's outputs with: g = m / ‖W + s B A‖, the length taken of each row and
 * constant in the gradient (Liu et al. 2024, arXiv:2402.09353, eq. 5 and section 4.3).
 *
 * <p>B A is never built: ‖W + s B A‖² = ‖W‖² + 2 s Σ(W Aᵀ ∘ B) + s² Σ(B (A Aᵀ) ∘ B), and ‖W‖² is
 * computed once.
 */
final class Magnitude implements AutoCloseable {

  private static final String LENGTH =
      """
      def length(w: Tensor, square: Tensor, a: Tensor, b: Tensor) -> Tensor:   # w (out, in)
          product = torch.linear(w, a.to(w.dtype))                             # W Aᵀ (out, r)
          own = torch.mm(b, torch.mul(torch.mm(a, torch.t(a)), {scale}))       # s B A Aᵀ
          change = torch.sum(torch.mul(torch.add(own, product, alpha=2), b), [1])
          total = torch.add(square, change, alpha={scale})
          return torch.sqrt(torch.clamp_min(total, 1e-24))                     # (out)
      """;

  /** The helper {@code gain(w, square, a, b, m)}, (out), of other kernels. */
  static final String GAIN =
      LENGTH
          + """
          def gain(w: Tensor, square: Tensor, a: Tensor, b: Tensor, m: Tensor) -> Tensor:
              return torch.div(m, length({weight}, square, torch.detach(a), torch.detach(b)))
          """;

  /**
   * The helper {@code scaled(y, g, c, zero, one)}: a new y ∘ g + c of y (N, out). It is a batch
   * norm of mean 0 and variance 1: the gradient of g takes one pass over y and dy then; as a
   * product it takes three.
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
  private static final Kernel START =
      Kernel.of(
          LENGTH
              + """
              def start(w: Tensor, square: Tensor, a: Tensor, b: Tensor) -> Tensor:
                  return length({weight}, square, a, b)
              """);

  private final ParameterSite weight;
  private final String rows;
  private final double scale;
  private final NDArray square;
  private final NDArray zero;
  private final NDArray one;

  /**
   * The magnitudes of a module.
   *
   * @param transposed whether the weight is stored as (in, out)
   */
  Magnitude(ParameterSite weight, boolean transposed, double scale, Initial initial) {
    long out = weight.shape().get(transposed ? 1 : 0);
    this.weight = weight;
    this.rows = transposed ? "torch.t(w)" : "w";
    this.scale = scale;
    this.zero = Scope.release(initial.zeros(out));
    this.one = Scope.release(initial.filled(1, out));
    Kernel kernel = SQUARE.with("weight", rows);
    this.square = Scope.release(Autograd.without(() -> kernel.call(weight.original(), one)));
  }

  /** m at the start: ‖W + s B A‖ (out). */
  NDArray start(NDArray a, NDArray b) {
    Kernel kernel = START.with("weight", rows).with("scale", scale);
    return Autograd.without(() -> kernel.call(weight.original(), square, a, b));
  }

  /** A kernel that begins with {@link #GAIN}, for this module. */
  Kernel bind(Kernel kernel) {
    return kernel.with("weight", rows).with("scale", scale);
  }

  /** The frozen weight as stored, whatever is merged into it at present. */
  NDArray weight() {
    return weight.original();
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
    List.of(square, zero, one).forEach(NDArray::close);
  }
}
