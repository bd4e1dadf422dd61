package io.github.peft4j.methods.oft;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.tuner.Declarations;
import io.github.peft4j.tuner.Trainable;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * R in d/k blocks [k, k] of vectors of length d. The k (k-1)/2 elements above the diagonal of each
 * skew-symmetric Q are trained; R = (1 - Q)(1 + Q)⁻¹ (Cayley), or the first terms of its series 1 +
 * 2 Q + 2 Q² + … with Q for -Q, as PEFT has it.
 */
final class Rotation implements AutoCloseable {

  private static final String ROTATE =
      """
      def rotation(q: Tensor, places: Tensor) -> Tensor:               # q (blocks, k (k-1) / 2)
          zeros = torch.zeros([torch.size(q, 0), {k} * {k}], dtype=q.dtype, layout=None, device=q.device)
          above = torch.reshape(torch.index_copy(zeros, 1, places, q), [-1, {k}, {k}])
          skew = torch.sub(above, torch.transpose(above, 1, 2))
          one = torch.expand_as(torch.eye({k}, dtype=q.dtype, layout=None, device=q.device), skew)
      {cayley}
      def rotate(x: Tensor, q: Tensor, places: Tensor) -> Tensor:      # x (…, in)
          grid = torch.reshape(x, [-1, {blocks}, {k}])
          r = torch.expand(rotation(q, places).to(x.dtype), [{blocks}, {k}, {k}])
          return torch.reshape(torch.einsum("{product}", [grid, r]), torch.size(x))
      """;
  private static final String SOLVE =
      "    return torch.linalg_solve(torch.add(one, skew), torch.sub(one, skew), left=False)";
  private static final Kernel INPUT = Kernel.of(ROTATE).with("product", "nbk,bkc->nbc");
  private static final Kernel ROWS = Kernel.of(ROTATE).with("product", "nbc,bkc->nbk");
  private static final Kernel COLUMNS =
      Kernel.of(
              ROTATE
                  + """
                  def columns(w: Tensor, q: Tensor, places: Tensor) -> Tensor:
                      return torch.contiguous(torch.t(rotate(torch.t(w), q, places)))
                  """)
          .with("product", "nbc,bkc->nbk");

  private static final Kernel PROJECT =
      Kernel.of(
          """
          def project(q: Tensor) -> Tensor:                            # ‖Q‖ ≤ eps / √blocks
              norm = torch.mul(torch.linalg_vector_norm(q, 2, [1], True), {root2})
              return torch.where(torch.le(norm, {limit}), q, torch.div(torch.mul(q, {limit}), norm))
          """);

  private static final Kernel OUTSIDE =
      Kernel.of(
          """
          def outside(q: Tensor) -> Tensor:                            # by more than rounding
              norm = torch.mul(torch.linalg_vector_norm(q, 2, [1], True), {root2})
              return torch.any(torch.gt(norm, {limit}))
          """);

  private final Trainable q;
  private final long own;
  private final NDArray places;
  private final @Nullable Kernel project;
  private final @Nullable Kernel outside;
  private final Kernel rows;
  private final Kernel turnedRows;
  private final Kernel turnedColumns;

  /**
   * The settings of a rotation.
   *
   * @param k size of a block
   * @param blocks number of blocks, d/k
   * @param shared whether all blocks share one rotation
   * @param radius the largest Frobenius norm of all Q together (COFT), or null for no limit
   * @param terms number of terms of the series that computes R, or null for the exact R
   */
  record Shape(
      int k, long blocks, boolean shared, @Nullable Double radius, @Nullable Integer terms) {

    /** The number of blocks with a Q of their own. */
    long own() {
      return shared ? 1 : blocks;
    }

    /** The number of trainable elements in each Q. */
    int elements() {
      return k * (k - 1) / 2;
    }
  }

  /**
   * A rotation.
   *
   * @param initial the first Q [own, k (k-1) / 2]
   * @param layer declares it
   */
  Rotation(Shape shape, String key, NDArray initial, Declarations layer) {
    int k = shape.k;
    this.own = shape.own();
    int elements = shape.elements();
    this.q = layer.trainable(key, initial);
    long[] above = new long[elements];
    int next = 0;
    for (int row = 0; row < k; row++) {
      for (int column = row + 1; column < k; column++) {
        above[next++] = (long) row * k + column;
      }
    }
    this.places = Scope.release(q.value().getManager().create(above));
    double root2 = Math.sqrt(2);
    if (shape.radius == null) {
      this.project = null;
      this.outside = null;
    } else {
      double limit = shape.radius / Math.sqrt((double) own);
      this.project = PROJECT.with("root2", root2).with("limit", limit);
      this.outside = OUTSIDE.with("root2", root2).with("limit", limit * (1 + 1e-6));
    }
    String cayley = shape.terms == null ? SOLVE : series(shape.terms);
    long blocks = shape.blocks;
    this.rows = sized(INPUT, k, blocks, cayley);
    this.turnedRows = sized(ROWS, k, blocks, cayley);
    this.turnedColumns = sized(COLUMNS, k, blocks, cayley);
  }

  private static Kernel sized(Kernel kernel, int k, long blocks, String cayley) {
    return kernel.with("cayley", cayley).with("k", k).with("blocks", blocks);
  }

  /** 1 + 2 Q + … + 2 Qⁿ⁻² + Qⁿ⁻¹, with at least three powers where there are three terms. */
  private static String series(int terms) {
    StringBuilder code = new StringBuilder("    r = one\n    p = skew\n");
    int last = terms <= 2 ? terms - 1 : Math.max(terms - 1, 3);
    for (int power = 1; power <= last; power++) {
      if (power > 1) {
        code.append("    p = torch.bmm(p, skew)\n");
      }
      int weight = power == last && terms > 2 ? 1 : 2;
      code.append("    r = torch.add(r, p, alpha=").append(weight).append(")\n");
    }
    return code.append("    return r").toString();
  }

  /** The number of blocks with a Q of their own. */
  long blocks() {
    return own;
  }

  /** x R for rows x (…, d). */
  NDArray rotate(NDArray x, NDArray skew) {
    return rows.call(x, skew, places);
  }

  /** W Rᵀ for W [n, d], or its transpose for a transposed one. */
  NDArray turn(NDArray weight, boolean transposed, NDArray skew) {
    return (transposed ? turnedColumns : turnedRows).call(weight, skew, places);
  }

  /**
   * The trainable elements of Q. COFT projects them onto their ball; in training, it overwrites
   * them.
   */
  NDArray skew(boolean training) {
    Kernel ball = project;
    if (ball == null) {
      return q.value();
    }
    NDArray near = Autograd.without(() -> ball.call(q.value()));
    if (!training) {
      return near;
    }
    if (isOutside()) { // only once a step: autograd does not allow changing a tensor after its use
      Tensors.copy(q.value(), near);
    }
    return q.value();
  }

  private boolean isOutside() {
    Kernel check = Objects.requireNonNull(outside);
    try (NDArray answer = Autograd.without(() -> check.call(q.value()))) {
      return answer.getBoolean();
    }
  }

  @Override
  public void close() {
    places.close();
  }
}
