package io.github.peft4j.methods.krona;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.SublayerSite;
import org.jspecify.annotations.Nullable;

/** y = FFN(x) + s (A ⊗ B) x, and with a residual + ρ x, where x is the network's input. */
final class KronaFeedForward extends TunerLayer<SublayerSite.Input, NDArray> {

  private static final Kernel RESIDUAL =
      Kernel.of(
          """
          def residual(x: Tensor, y: Tensor, rho: Tensor) -> Tensor:       # x, y (B, T, D); rho (1)
              return torch.addcmul(y, x, rho.to(x.dtype))
          """);

  private final Trainable a;
  private final Trainable b;
  private final @Nullable Trainable rho;
  private final Kernel add;

  /**
   * Creates the adapter of one feed-forward network.
   *
   * @param scale s
   * @param rho initial value of ρ [1], or null for none
   */
  KronaFeedForward(Kronecker factors, double scale, @Nullable NDArray rho) {
    this.a = trainable("krona_A", factors.a());
    this.b = trainable("krona_B", factors.b());
    this.rho = rho == null ? null : trainable("krona_residual", rho);
    this.add = Kernel.of(Kronecker.ADD).with("scale", scale);
  }

  @Override
  public NDArray forward(SublayerSite.Input in, Forward<SublayerSite.Input, NDArray> base) {
    NDArray x = in.hidden(); // (B, T, D)
    NDArray y = add.call(x, base.forward(in), a.value(), b.value());
    return rho == null ? y : RESIDUAL.call(x, y, rho.value());
  }
}
