package io.github.peft4j.methods.fourierft;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.TorchRandom;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Initial;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import java.util.Arrays;

/** y = W x + b + s Re(F⁻¹(S)) x, with n trained elements of the spectrum S [out, in]. */
final class FourierFtLinear extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final String DELTA =
      """
      def delta(c: Tensor, places: Tensor) -> Tensor:                  # c (n), places (n)
          zeros = torch.zeros([{out} * {in}], dtype=c.dtype, layout=None, device=c.device)
          spectrum = torch.reshape(torch.index_copy(zeros, 0, places, c), [{out}, {in}])
          return torch.mul(torch.real(torch.fft_ifft2(spectrum)), {scale})
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
  private static final Kernel MERGE =
      Kernel.of(
          DELTA
              + """
              def merge(w: Tensor, c: Tensor, places: Tensor) -> Tensor:
                  change = delta(c, places)                            # (out, in)
                  return torch.add(w, {change})
              """);

  private final Trainable coefficients;
  private final NDArray places;
  private final Kernel fourier;
  private final Kernel merge;

  FourierFtLinear(LinearSite site, FourierFtConfig config, Initial initial) {
    long in = site.inFeatures();
    long out = site.outFeatures();
    int n = config.frequenciesOf(site.name());
    if (n > in * out) {
      throw new IllegalArgumentException(
          "FourierFtConfig: field 'n_frequency' is "
              + n
              + "; expected at most "
              + in * out
              + ", the elements of "
              + site.name());
    }
    this.coefficients =
        trainable(
            "fourierft_spectrum", config.initWeights() ? initial.zeros(n) : initial.normal(1, n));
    long[] order;
    try (TorchRandom random = new TorchRandom(config.randomLocSeed())) {
      order = random.permutation(in * out);
    }
    this.places = Scope.release(coefficients.value().getManager().create(Arrays.copyOf(order, n)));
    this.fourier = sized(FOURIER, in, out, config.scaling());
    this.merge =
        sized(MERGE, in, out, config.scaling())
            .with("change", site.isTransposed() ? "torch.t(change)" : "change");
  }

  private static Kernel sized(Kernel kernel, long in, long out, double scale) {
    return kernel.with("in", in).with("out", out).with("scale", scale);
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in)
    return fourier.call(x, base.forward(x), coefficients.value(), places); // (…, out)
  }

  @Override
  public NDArray merge(NDArray weight) {
    return merge.call(weight, coefficients.value(), places);
  }

  @Override
  public void close() {
    super.close();
    places.close();
  }
}
