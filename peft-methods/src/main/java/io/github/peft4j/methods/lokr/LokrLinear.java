package io.github.peft4j.methods.lokr;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.methods.common.linear.RowDropout;
import io.github.peft4j.methods.common.linear.WeightDelta;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.LinearSite;
import java.util.ArrayList;
import java.util.List;

/**
 * y = W x + b + s (C ⊗ D) x, with C [l, m] and D [k, n], out = l k, in = m n. D, and optionally C,
 * is a product of rank r if r is smaller than its sides.
 *
 * <p>The Kronecker product is never built: with x as a matrix X [m, n], (C ⊗ D) x = C X Dᵀ.
 */
final class LokrLinear extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final Kernel LOKR =
      Kernel.of(
          """
          def lokr(x: Tensor, y: Tensor, {parameters}) -> Tensor:
              grid = torch.reshape(x, [-1, {m}, {n}])
              right = torch.linear({down}, {d}.to(x.dtype))            # (N, m, k)
              product = torch.matmul(({c}).to(x.dtype), right)         # (N, l, k)
              change = torch.reshape(product, torch.size(y))
              return torch.add(y, {change}, alpha={scale})
          """);
  private static final String DELTA =
      """
      def delta({parameters}) -> Tensor:                               # (out, in)
          return torch.kron({c}, torch.contiguous({d}))
      """;

  private final List<Trainable> factors = new ArrayList<>();
  private final RowDropout dropout;
  private final Kernel lokr;
  private final Kernel dropping;
  private final WeightDelta merge;

  /**
   * The sizes of the factors.
   *
   * @param r the rank of low-rank factors
   * @param wholeC whether C is one matrix instead of a product
   * @param wholeD whether D is one matrix instead of a product
   */
  record Sizes(long l, long m, long k, long n, int r, boolean wholeC, boolean wholeD) {

    /**
     * The sizes for a linear layer.
     *
     * @param factor approximate size of C; -1 for the square root of the dimension
     * @param both whether C may also be a product
     */
    static Sizes of(LinearSite site, int r, int factor, boolean both) {
      long m = divisor(site.inFeatures(), factor);
      long n = site.inFeatures() / m;
      long l = divisor(site.outFeatures(), factor);
      long k = site.outFeatures() / l;
      return new Sizes(l, m, k, n, r, !(both && 2L * r < Math.max(l, m)), 2L * r >= Math.max(k, n));
    }
  }

  /**
   * A layer.
   *
   * @param scale s
   * @param transposed whether W is stored as [in, out]
   */
  LokrLinear(
      Sizes sizes,
      double scale,
      LokrInitialization start,
      RowDropout dropout,
      boolean transposed,
      Initializer initial) {
    boolean zeroC = start == LokrInitialization.DEFAULT;
    boolean zeroD = start == LokrInitialization.LYCORIS;
    boolean wholeC = sizes.wholeC;
    boolean wholeD = sizes.wholeD;
    if (wholeC) {
      factor("lokr_w1", zeroC, sizes.l, sizes.m, initial);
    } else {
      factor("lokr_w1_a", zeroC, sizes.l, sizes.r, initial);
      factor("lokr_w1_b", false, sizes.r, sizes.m, initial);
    }
    if (wholeD) {
      factor("lokr_w2", zeroD, sizes.k, sizes.n, initial);
    } else {
      factor("lokr_w2_a", false, sizes.k, sizes.r, initial);
      factor("lokr_w2_b", zeroD, sizes.r, sizes.n, initial);
    }
    String parameters =
        (wholeC ? "c: Tensor" : "c1: Tensor, c2: Tensor")
            + (wholeD ? ", d: Tensor" : ", d1: Tensor, d2: Tensor");
    String c = wholeC ? "c" : "torch.mm(c1, c2)";
    Kernel sized =
        LOKR.with("m", sizes.m)
            .with("n", sizes.n)
            .with("c", c)
            .with("d", wholeD ? "d" : "d1")
            .with("down", wholeD ? "grid" : "torch.linear(grid, d2.to(x.dtype))")
            .with("scale", scale);
    this.lokr = sized.with("parameters", parameters).with("change", "change");
    this.dropping =
        sized
            .with("parameters", "keep: Tensor, " + parameters)
            .with("change", "torch.mul(change, keep)");
    this.dropout = dropout;
    this.merge =
        WeightDelta.of(DELTA.replace("{parameters}", parameters), scale, transposed)
            .with("c", c)
            .with("d", wholeD ? "d" : "torch.mm(d1, d2)");
  }

  private void factor(String key, boolean zero, long rows, long columns, Initializer initial) {
    factors.add(
        trainable(
            key, zero ? initial.zeros(rows, columns) : initial.kaimingUniform(rows, columns)));
  }

  /**
   * The left factor's size. It is {@code factor} if that divides the dimension, else the largest
   * divisor that exceeds neither {@code factor} nor the square root. For -1, only the square root
   * counts.
   */
  static long divisor(long dimension, long factor) {
    if (factor > 0 && dimension % factor == 0) {
      return factor;
    }
    long best = 1;
    for (long m = 2; m * m <= dimension && (factor < 0 || m <= factor); m++) {
      best = dimension % m == 0 ? m : best;
    }
    return best;
  }

  @Override
  public boolean isRepeatable() {
    return true;
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in)
    NDArray y = base.forward(x); // (…, out)
    return isTraining(base.context()) && dropout.drops()
        ? call(dropping, x, y, dropout.draw(y))
        : call(lokr, x, y);
  }

  @Override
  public NDArray merge(NDArray weight) {
    return merge.into(weight, values().toArray(new NDArray[0]));
  }

  private NDArray call(Kernel kernel, NDArray... first) {
    NDList arguments = new NDList(first);
    arguments.addAll(values());
    return kernel.call(arguments.toArray(new NDArray[0]));
  }

  private NDList values() {
    NDList values = new NDList();
    factors.forEach(factor -> values.add(factor.value()));
    return values;
  }
}
