package io.github.peft4j.methods.waveft;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.methods.common.linear.WeightDelta;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.LinearSite;
import org.jspecify.annotations.Nullable;

/**
 * y = W x + b + s Δ x. Δ [out, in] is rebuilt from wavelet coefficients S, or is S itself; n
 * elements of S are trained and the others are zero.
 *
 * <p>S has a row and a column more for each that the wavelet's border costs. Its quarters are the
 * coefficients of a level: coarse, fine along one axis, fine along the other, fine along both.
 */
final class WaveFtLinear extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final String SPARSE =
      """
      def delta(c: Tensor, places: Tensor) -> Tensor:                        # c (n), places (n)
          zeros = torch.zeros([{out} * {in}], dtype=c.dtype, layout=None, device=c.device)
          change = torch.reshape(torch.index_copy(zeros, 0, places, c), [{out}, {in}])
          return torch.mul(change, {gain})
      """;
  private static final String REBUILT =
      """
      def delta(c: Tensor, places: Tensor, filters: Tensor) -> Tensor:       # filters (4, 1, L, L)
          zeros = torch.zeros([4 * {rows} * {columns}], dtype=c.dtype, layout=None, device=c.device)
          all = torch.index_copy(zeros, 0, places, c)
          halves = torch.reshape(all, [1, 2, {rows}, 2, {columns}])
          quarters = torch.reshape(torch.permute(halves, [0, 1, 3, 2, 4]), [1, 4, {rows}, {columns}])
          whole = torch.conv_transpose2d(quarters, filters, None, [2, 2], [{border}, {border}])
          change = torch.narrow(torch.narrow(whole[0][0], 0, 0, {out}), 1, 0, {in})
          return torch.mul(change, {gain})
      """;
  private static final String APPLY =
      """
      def apply(x: Tensor, y: Tensor, c: Tensor, places: Tensor{declared}) -> Tensor:
          flat = torch.reshape(y, [-1, {out}])
          change = torch.t(delta(c, places{passed}).to(x.dtype))
          return torch.reshape(torch.addmm(flat, torch.reshape(x, [-1, {in}]), change), torch.size(y))
      """;

  private final Trainable coefficients;
  private final NDList constants = new NDList();
  private final Kernel apply;
  private final WeightDelta merge;

  private WaveFtLinear(
      LinearSite site,
      NDArray coefficients,
      long[] places,
      @Nullable NDArray filters,
      String delta,
      double scale) {
    this.coefficients = trainable("waveft_spectrum", coefficients);
    constant(coefficients.getManager().create(places));
    if (filters != null) {
      constant(filters);
    }
    this.apply =
        Kernel.of(delta + APPLY)
            .with("declared", filters == null ? "" : ", filters: Tensor")
            .with("passed", filters == null ? "" : ", filters")
            .with("in", site.inFeatures())
            .with("out", site.outFeatures())
            .with("gain", scale);
    this.merge =
        WeightDelta.of(delta, 1, site.isTransposed())
            .with("in", site.inFeatures())
            .with("out", site.outFeatures())
            .with("gain", scale);
  }

  /**
   * The adapter of one linear layer whose update is sparse.
   *
   * @param coefficients initial value of the trained elements [n]
   * @param places their positions in Δ, in row-major order (n)
   * @param scale s
   */
  static WaveFtLinear sparse(LinearSite site, NDArray coefficients, long[] places, double scale) {
    return new WaveFtLinear(site, coefficients, places, null, SPARSE, scale);
  }

  /**
   * The adapter of one linear layer whose update is rebuilt from coefficients.
   *
   * @param coefficients initial value of the trained elements [n]
   * @param places their positions in a matrix [out, in] in the middle of S, in row-major order (n)
   * @param scale s
   * @param filters {@link Wavelet#quarters} as [4, 1, L, L]
   */
  static WaveFtLinear rebuilt(
      LinearSite site,
      NDArray coefficients,
      long[] places,
      double scale,
      Wavelet wavelet,
      NDArray filters) {
    long in = site.inFeatures();
    long height = wavelet.padded(site.outFeatures());
    long width = wavelet.padded(in);
    long above = (height - site.outFeatures()) / 2;
    long left = (width - in) / 2;
    long[] moved = new long[places.length];
    for (int i = 0; i < places.length; i++) {
      moved[i] = (places[i] / in + above) * width + places[i] % in + left;
    }
    String delta =
        REBUILT
            .replace("{rows}", Long.toString(height / 2))
            .replace("{columns}", Long.toString(width / 2))
            .replace("{border}", Integer.toString(wavelet.length() - 2));
    return new WaveFtLinear(site, coefficients, moved, filters, delta, scale);
  }

  private void constant(NDArray array) {
    constants.add(Scope.release(array));
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in)
    NDList arguments = new NDList(x, base.forward(x), coefficients.value());
    arguments.addAll(constants);
    return apply.call(arguments.toArray(new NDArray[0])); // (…, out)
  }

  @Override
  public NDArray merge(NDArray weight) {
    NDList arguments = new NDList(coefficients.value());
    arguments.addAll(constants);
    return merge.into(weight, arguments.toArray(new NDArray[0]));
  }

  @Override
  public void close() {
    super.close();
    constants.close();
  }
}
