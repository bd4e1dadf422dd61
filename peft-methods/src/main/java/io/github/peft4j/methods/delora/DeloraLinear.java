package io.github.peft4j.methods.delora;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Dropout;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.methods.common.linear.WeightDelta;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.LinearSite;

/**
 * y = W x + c + B Ξ A (n ∘ dropout(x)), with Ξᵢ = λ / (r ‖aᵢ‖ ‖bᵢ‖) for the rows aᵢ of A [r, in]
 * and the columns bᵢ of B [out, r]. n [in] has the lengths of W's columns when the adapter began;
 * it is saved and not trained.
 */
final class DeloraLinear extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final Kernel LENGTHS =
      Kernel.of(
          """
          def lengths(w: Tensor, like: Tensor) -> Tensor:              # w as it is stored, (in)
              return torch.linalg_vector_norm(w, 2, [{outputs}]).to(like.dtype)
          """);
  private static final String FACTORS =
      """
      def down(a: Tensor, n: Tensor) -> Tensor:                        # (r, in)
          return torch.mul(a, torch.unsqueeze(n, 0))
      def up(a: Tensor, b: Tensor, bound: Tensor) -> Tensor:           # (out, r)
          rows = torch.clamp_min(torch.linalg_vector_norm(a, 2, [1]), 0.0001)      # (r)
          columns = torch.clamp_min(torch.linalg_vector_norm(b, 2, [0]), 0.0001)   # (r)
          xi = torch.div(torch.div(bound, {r}), torch.mul(rows, columns))          # (r)
          return torch.mul(b, torch.unsqueeze(xi, 0))
      """;
  private static final Kernel DELORA =
      Kernel.of(
          FACTORS
              + """
              def delora(x: Tensor, y: Tensor, a: Tensor, b: Tensor, bound: Tensor, n: Tensor) -> Tensor:
                  low = torch.linear(torch.reshape(x, [-1, {in}]), down(a, n).to(x.dtype))   # (N, r)
                  flat = torch.reshape(y, [-1, {out}])
                  sum = torch.addmm(flat, low, torch.t(up(a, b, bound).to(x.dtype)))
                  return torch.reshape(sum, torch.size(y))
              """);
  private static final String DELTA =
      FACTORS
          + """
          def delta(a: Tensor, b: Tensor, bound: Tensor, n: Tensor) -> Tensor:   # (out, in)
              return torch.mm(up(a, b, bound), down(a, n))
          """;

  private final Trainable a;
  private final Trainable b;
  private final Trainable bound;
  private final Trainable lengths;
  private final double dropout;
  private final Kernel delora;
  private final WeightDelta merge;

  /**
   * Creates the adapter of one linear layer.
   *
   * @param a initial value of A [r, in]
   * @param b initial value of B [out, r]
   * @param bound initial value of λ [1]
   * @param dropout probability that an element of the input is dropped, in [0, 1)
   */
  DeloraLinear(LinearSite site, NDArray a, NDArray b, NDArray bound, double dropout) {
    this.a = trainable("delora_A", a);
    this.b = trainable("delora_B", b);
    this.bound = trainable("delora_lambda", bound);
    int outputs = site.isTransposed() ? 1 : 0;
    try (Scope scope = new Scope()) { // frees the dense numbers of a matrix in fewer bits
      NDArray frozen = site.weight().frozen();
      NDArray norms = scope.keep(LENGTHS.with("outputs", outputs).call(frozen, bound));
      this.lengths = buffer("delora_w_norm", norms);
    }
    this.dropout = dropout;
    long r = a.getShape().get(0);
    this.delora = DELORA.with("r", r).with("in", site.inFeatures()).with("out", site.outFeatures());
    this.merge = WeightDelta.of(DELTA, 1, site.isTransposed()).with("r", r);
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in)
    NDArray dropped = isTraining(base.context()) && dropout > 0 ? Dropout.of(dropout).call(x) : x;
    return delora.call(
        dropped, base.forward(x), a.value(), b.value(), bound.value(), lengths.value()); // (…, out)
  }

  @Override
  public NDArray merge(NDArray weight) {
    return merge.into(weight, a.value(), b.value(), bound.value(), lengths.value());
  }
}
