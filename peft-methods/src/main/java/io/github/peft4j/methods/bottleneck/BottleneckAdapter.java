package io.github.peft4j.methods.bottleneck;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Dropout;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Initial;
import io.github.peft4j.tuner.SublayerSite;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import org.jspecify.annotations.Nullable;

/**
 * h + s (W₂ f(W₁ z + b₁) + b₂) for a branch's output h, with W₁ [m, D] and W₂ [D, m]. Behind the
 * branch z is h, or the normalised sum of h and the stream; beside it z is the branch's input.
 */
final class BottleneckAdapter extends TunerLayer<SublayerSite.Input, NDArray> {

  private static final String INNER =
      """
      def inner(z: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
          low = {f}(torch.linear(z, w1.to(z.dtype), b1.to(z.dtype)))   # (B, T, m)
          return torch.linear(low, w2.to(z.dtype), b2.to(z.dtype))     # (B, T, D)
      """;
  private static final Kernel FIXED =
      Kernel.of(
          INNER
              + """
              def adapt(h: Tensor, z: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
                  return torch.add(h, inner(z, w1, b1, w2, b2), alpha={s})
              """);
  private static final Kernel LEARNED =
      Kernel.of(
          INNER
              + """
              def adapt(h: Tensor, z: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, s: Tensor) -> Tensor:
                  return torch.addcmul(h, inner(z, w1, b1, w2, b2), s.to(h.dtype))
              """);
  private static final Kernel ADD =
      Kernel.of(
          """
          def add(x: Tensor, y: Tensor) -> Tensor:
              return torch.add(x, y)
          """);

  private final Trainable w1;
  private final Trainable b1;
  private final Trainable w2;
  private final Trainable b2;
  private final @Nullable Trainable s;
  private final boolean parallel;
  private final boolean normalised;
  private final double dropout;
  private final Kernel adapt;

  BottleneckAdapter(SublayerSite site, BottleneckConfig config, Initial initial) {
    long d = site.dimension();
    long m = Math.max(1, (long) (d / config.reductionFactor()));
    boolean bert = config.initWeights() == BottleneckConfig.Start.bert;
    this.w1 =
        trainable(
            "adapter_down.0.weight",
            bert ? initial.normal(0.02, m, d) : initial.kaimingUniform(m, d));
    this.b1 = trainable("adapter_down.0.bias", initial.zeros(m));
    this.w2 =
        trainable("adapter_up.weight", bert ? initial.normal(0.02, d, m) : initial.zeros(d, m));
    this.b2 = trainable("adapter_up.bias", initial.zeros(d));
    Double scale = config.scaling().value();
    this.s = scale == null ? trainable("scaling", initial.filled(1, 1)) : null;
    this.parallel = config.isParallel();
    this.normalised = config.originalLnBefore();
    this.dropout = config.dropout();
    String f = config.nonLinearity().function;
    this.adapt = scale == null ? LEARNED.with("f", f) : FIXED.with("f", f).with("s", scale);
  }

  @Override
  public NDArray forward(SublayerSite.Input input, Forward<SublayerSite.Input, NDArray> base) {
    NDArray h = base.forward(input);
    NDArray z =
        parallel
            ? input.hidden()
            : normalised ? input.norm().forward(ADD.call(h, input.residual())) : h;
    NDArray dropped = isTraining() && dropout > 0 ? Dropout.of(dropout).call(z) : z;
    return s == null
        ? adapt.call(h, dropped, w1.value(), b1.value(), w2.value(), b2.value())
        : adapt.call(h, dropped, w1.value(), b1.value(), w2.value(), b2.value(), s.value());
  }
}
