package io.github.peft4j.methods.fourierft;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.methods.common.linear.WeightDelta;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.LinearSite;

/** y = W x + b + s Re(F⁻¹(S)) x, with n trainable elements in the spectrum S [out, in]. */
final class FourierFtLinear extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final String DELTA =
      """
      def delta(c: Tensor, places: Tensor) -> Tensor:                  # c (n), places (n)
          zeros = torch.zeros([{out} * {in}], dtype=c.dtype, layout=None, device=c.device)
          spectrum = torch.reshape(torch.index_copy(zeros, 0, places, c), [{out}, {in}])
          return torch.mul(torch.real(torch.fft_ifft2(spectrum)), {gain})
      """;
  private static final Kernel FOURIER =
      Kernel.of(
          DELTA
              + """
              def fourier(x: Tensor, y: Tensor, c: Tensor, places: Tensor) -> Tensor:
                  flat = torch.reshape(y, [-1, {out}])
                  change = torch.t(delta(c, places).to(x.dtype))
                  return torch.reshape(torch.addmm(flat, torch.reshape(x, [-1, {in}]), change), torch.size(y))
              """);
  private final Trainable coefficients;
  private final NDArray places;
  private final Kernel fourier;
  private final WeightDelta merge;

  /**
   * Creates the adapter of one linear layer.
   *
   * @param coefficients initial value of the trainable elements [n]
   * @param places their positions in the spectrum, in row-major order (n)
   * @param scale s
   */
  FourierFtLinear(LinearSite site, NDArray coefficients, long[] places, double scale) {
    this.coefficients = trainable("fourierft_spectrum", coefficients);
    this.places = Scope.release(coefficients.getManager().create(places));
    long in = site.inFeatures();
    long out = site.outFeatures();
    this.fourier = FOURIER.with("in", in).with("out", out).with("gain", scale);
    this.merge =
        WeightDelta.of(DELTA, 1, site.isTransposed())
            .with("in", in)
            .with("out", out)
            .with("gain", scale);
  }

  @Override
  public boolean isRepeatable() {
    return true;
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in)
    return fourier.call(x, base.forward(x), coefficients.value(), places); // (…, out)
  }

  @Override
  public NDArray merge(NDArray weight) {
    return merge.into(weight, coefficients.value(), places);
  }

  @Override
  public void close() {
    super.close();
    places.close();
  }
}
