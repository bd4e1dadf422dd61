package io.github.peft4j.methods.c3a;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.methods.common.linear.WeightDelta;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.LinearSite;

/**
 * y = W x + c + C x / in, with circulant blocks Cᵢⱼ [b, b] whose first rows are the kernels wᵢⱼ:
 * (Cᵢⱼ)ₜᵤ = wᵢⱼ at (u - t) mod b. So Cᵢⱼ xⱼ = F⁻¹(conj(F(wᵢⱼ)) ∘ F(xⱼ)).
 */
final class C3aLinear extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final Kernel CONVOLVE =
      Kernel.of(
          """
          def convolve(x: Tensor, y: Tensor, w: Tensor) -> Tensor:         # w (m, n, b)
              blocks = torch.reshape(x.to(w.dtype), [-1, {n}, {b}])        # (N, n, b)
              waves = torch.fft_rfft(blocks)                               # (N, n, b / 2 + 1)
              turned = torch.conj(torch.fft_rfft(w))                       # (m, n, b / 2 + 1)
              product = torch.einsum("inf,mnf->imf", [waves, turned])
              change = torch.div(torch.fft_irfft(product, {b}), {in})      # (N, m, b)
              return torch.add(y, torch.reshape(change, torch.size(y)).to(y.dtype))
          """);
  private static final String DELTA =
      """
      def delta(w: Tensor) -> Tensor:                                      # (out, in)
          one = torch.arange({b}, dtype=4, layout=None, device=w.device)
          turn = torch.remainder(torch.sub(torch.unsqueeze(one, 0), torch.unsqueeze(one, 1)), {b})
          all = torch.index_select(w, 2, torch.reshape(turn, [-1]))        # (m, n, b b)
          blocks = torch.permute(torch.reshape(all, [{m}, {n}, {b}, {b}]), [0, 2, 1, 3])
          return torch.reshape(blocks, [{m} * {b}, {n} * {b}])
      """;

  private final Trainable kernels;
  private final Kernel convolve;
  private final WeightDelta merge;

  /**
   * Creates the adapter of one linear layer.
   *
   * @param kernels initial value of the blocks' first rows [out / b, in / b, b]
   */
  C3aLinear(LinearSite site, NDArray kernels) {
    this.kernels = trainable("c3a_kernel", kernels);
    long m = kernels.getShape().get(0);
    long n = kernels.getShape().get(1);
    long b = kernels.getShape().get(2);
    long in = site.inFeatures();
    this.convolve = CONVOLVE.with("n", n).with("b", b).with("in", in);
    this.merge =
        WeightDelta.of(DELTA, 1.0 / in, site.isTransposed()).with("m", m).with("n", n).with("b", b);
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in)
    return convolve.call(x, base.forward(x), kernels.value()); // (…, out)
  }

  @Override
  public NDArray merge(NDArray weight) {
    return merge.into(weight, kernels.value());
  }
}
