package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.site.NormSite;
import org.jspecify.annotations.Nullable;

/** Layer norm (Ba et al. 2016) or RMS norm (Zhang and Sennrich 2019) over the last dimension. */
public final class Norm extends WeightedBlock {

  /** The kinds of norms. */
  public enum Kind {
    /** RMS norm: x / rms(x) · w. */
    RMS("torch.rms_norm(x, [torch.size(x, -1)], weight.to(x.dtype), {eps})"),
    /** Gemma's RMS norm, computed in 32 bits or more: x / rms(x) · (1 + w). */
    RMS_ONE_PLUS(
        "torch.rms_norm(wide(x), [torch.size(x, -1)], torch.add(wide(weight), 1), {eps}).to(x.dtype)"),
    /** Layer norm with a shift, or without one. */
    LAYER("torch.layer_norm(x, [torch.size(x, -1)], weight.to(x.dtype), {bias}, {eps})");

    private final String expression;

    Kind(String expression) {
      this.expression = expression;
    }

    private Kernel kernel(boolean hasBias, double epsilon) {
      String body = expression.replace("{bias}", hasBias ? "bias.to(x.dtype)" : "None");
      String bias = hasBias ? ", bias: Tensor" : "";
      Kernel plain =
          Kernel.of(
              WIDE
                  + "def norm(x: Tensor, weight: Tensor"
                  + bias
                  + ") -> Tensor:          # x (…, D), weight (D)\n    return "
                  + body
                  + "\n");
      return NormDerivative.of(plain, this, hasBias, WIDE).with("eps", epsilon);
    }
  }

  private static final String WIDE =
      """
      def wide(x: Tensor) -> Tensor:
          y = x
          if x.dtype != 7:
              y = x.to(6)
          return y
      """;

  private final NormSite site;

  /**
   * Creates a norm.
   *
   * @param weight [D]
   * @param bias [D], or null; an RMS norm has none
   * @param epsilon added to the variance or mean square
   */
  public Norm(String name, Kind kind, NDArray weight, @Nullable NDArray bias, double epsilon) {
    super(name, weight, bias, kind.kernel(bias != null, epsilon));
    this.site = publishWithTensors(new NormSite(name, this.weight, this.bias, this::frozenForward));
  }

  /** Normalises x (…, D). */
  public NDArray forward(NDArray x, ForwardContext context) {
    return site.forward(x, context);
  }
}
