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
      return derived(plain, hasBias).with("eps", epsilon);
    }

    private Kernel derived(Kernel plain, boolean hasBias) {
      return switch (this) {
        case RMS -> rms(plain, "wide(weight)", "torch.mul(normed.to(x.dtype), weight.to(x.dtype))");
        case RMS_ONE_PLUS -> {
          String factor = "torch.add(wide(weight), 1)";
          yield rms(plain, factor, "torch.mul(normed, " + factor + ").to(x.dtype)");
        }
        case LAYER ->
            plain.derivative(
                "x",
                LAYER_FORWARD
                    .replace("{parameter}", hasBias ? ", bias: Tensor" : "")
                    .replace("{bias}", hasBias ? "bias.to(x.dtype)" : "None"),
                LAYER_BACK);
      };
    }

    private Kernel rms(Kernel plain, String factor, String output) {
      if (this == RMS && Kernel.compiles(RMS_FUSED.replace("{eps}", "1e-6"))) {
        return plain.derivative("x", RMS_FUSED, RMS_FUSED_BACK);
      }
      return plain.derivative(
          "x", RMS_FORWARD.replace("{output}", output), RMS_BACK.replace("{factor}", factor));
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

  private static final String RMS_FORWARD =
      WIDE
          + """

          def norm(x: Tensor, weight: Tensor) -> List[Tensor]:
              xs = wide(x)
              r = torch.rsqrt(torch.add(torch.mean(torch.square(xs), [-1], True), {eps}))
              normed = torch.mul(xs, r)
              return [{output}, r]
          """;

  /** With n = r x and the factor f: dx = r (g f − n · mean(g f ∘ n)). */
  private static final String RMS_BACK =
      WIDE
          + """

          def back(g: Tensor, x: Tensor, weight: Tensor, kept0: Tensor) -> Tensor:
              n = torch.mul(wide(x), kept0)
              gf = torch.mul(wide(g), {factor})
              mean = torch.mean(torch.mul(gf, n), [-1], True)
              return torch.mul(torch.addcmul(gf, n, mean, value=-1), kept0).to(x.dtype)
          """;
  /** With PyTorch's fused operators, which came after 2.7. */
  private static final String RMS_FUSED =
      """
      def norm(x: Tensor, weight: Tensor) -> List[Tensor]:
          y, r, = torch._fused_rms_norm(x, [torch.size(x, -1)], weight.to(x.dtype), {eps})
          return [y, r]
      """;
  private static final String RMS_FUSED_BACK =
      """
      def back(g: Tensor, x: Tensor, weight: Tensor, kept0: Tensor) -> Tensor:
          dx, none, = torch._fused_rms_norm_backward(g, x, [torch.size(x, -1)], kept0, weight.to(x.dtype), [True, False])
          return dx
      """;
  private static final String LAYER_FORWARD =
      """
      def norm(x: Tensor, weight: Tensor{parameter}) -> List[Tensor]:
          y, mean, rstd, = torch.native_layer_norm(x, [torch.size(x, -1)], weight.to(x.dtype), {bias}, {eps})
          return [y, mean, rstd]
      """;
  private static final String LAYER_BACK =
      """
      def back(g: Tensor, x: Tensor, weight: Tensor, kept0: Tensor, kept1: Tensor) -> Tensor:
          dx, none, nothing, = torch.native_layer_norm_backward(g, x, [torch.size(x, -1)], kept0, kept1, weight.to(x.dtype), None, [True, False, False])
          return dx
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
