package io.github.peft4j.transformer.block;

import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.transformer.cuda.RmsNormText;
import java.util.function.UnaryOperator;

/** The derivatives of norms by their input. */
final class NormDerivative {

  private static final String RMS_FORWARD =
      """

      def norm(x: Tensor, weight: Tensor) -> List[Tensor]:
          xs = wide(x)
          r = torch.rsqrt(torch.add(torch.mean(torch.square(xs), [-1], True), {eps}))
          return [torch.mul(torch.mul(xs, r), {factor}).to(x.dtype), r]
      """;

  private static final String RMS_AGAIN =
      """

      def norm(x: Tensor, weight: Tensor, kept0: Tensor) -> Tensor:
          return torch.mul(torch.mul(wide(x), kept0), {factor}).to(x.dtype)
      """;

  /** With n = r x and the factor f: dx = r (g f − n · mean(g f ∘ n)). */
  private static final String RMS_BACK =
      """

      def back(g: Tensor, x: Tensor, weight: Tensor, kept0: Tensor) -> Tensor:
          n = torch.mul(wide(x), kept0)
          gf = torch.mul(wide(g), {factor})
          mean = torch.mean(torch.mul(gf, n), [-1], True)
          return torch.mul(torch.addcmul(gf, n, mean, value=-1), kept0).to(x.dtype)
      """;

  private static final String FUSED_FORWARD =
      """

      def norm(x: Tensor, weight: Tensor) -> List[Tensor]:
          if x.is_cuda:
              y, r, = torch._fused_rms_norm(x, [torch.size(x, -1)], weight.to(x.dtype), {eps})
              results = [y, r]
          else:
              results = plain(x, weight)
          return results
      """;
  private static final String FUSED_AGAIN =
      """

      def norm(x: Tensor, weight: Tensor, kept0: Tensor) -> Tensor:
          if x.is_cuda:
              y = torch.rms_norm(x, [torch.size(x, -1)], weight.to(x.dtype), {eps})
          else:
              y = plain(x, weight, kept0)
          return y
      """;
  private static final String FUSED_BACK =
      """

      def back(g: Tensor, x: Tensor, weight: Tensor, kept0: Tensor) -> Tensor:
          if x.is_cuda:
              dx, none, = torch._fused_rms_norm_backward(g, x, [torch.size(x, -1)], kept0, weight.to(x.dtype), [True, False])
          else:
              dx = plain(g, x, weight, kept0)
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

  private static final String FACTOR = "wide(weight.to(x.dtype))";

  /** PyTorch's fused operators for RMS norms came after 2.7, for CUDA alone. */
  private static final class Fused {
    static final boolean EXIST =
        Kernel.compiles(
            """
            def norm(x: Tensor, weight: Tensor) -> Tuple[Tensor, Tensor]:
                return torch._fused_rms_norm(x, [torch.size(x, -1)], weight, 1e-6)
            """);
  }

  private NormDerivative() {}

  /**
   * A norm's kernel with its derivative. Its result is not kept: the derivative keeps x.
   *
   * @param wide TorchScript of a function {@code wide} to 32 bits or more
   */
  static Kernel of(Kernel plain, Norm.Kind kind, boolean hasBias, String wide) {
    return switch (kind) {
      case RMS -> rms(plain, wide, FACTOR, RmsNormText.PLAIN, Fused.EXIST);
      case RMS_ONE_PLUS ->
          rms(plain, wide, "torch.add(wide(weight), 1)", RmsNormText.ONE_PLUS, false);
      case LAYER ->
          plain
              .derivative(
                  "x",
                  LAYER_FORWARD
                      .replace("{parameter}", hasBias ? ", bias: Tensor" : "")
                      .replace("{bias}", hasBias ? "bias.to(x.dtype)" : "None"),
                  LAYER_BACK)
              .cheap();
    };
  }

  /**
   * The kernel of an RMS norm.
   *
   * @param factor f in TorchScript
   * @param fused whether PyTorch's fused operators compute it on a GPU
   */
  private static Kernel rms(
      Kernel plain, String wide, String factor, RmsNormText text, boolean fused) {
    UnaryOperator<String> own = source -> wide + source.replace("{factor}", factor);
    String forward = own.apply(RMS_FORWARD);
    String again = own.apply(RMS_AGAIN);
    String back = own.apply(RMS_BACK);
    return derived(
        plain,
        fused ? forward.replace("def norm(", "def plain(") + FUSED_FORWARD : forward,
        fused ? again.replace("def norm(", "def plain(") + FUSED_AGAIN : again,
        fused ? back.replace("def back(", "def plain(") + FUSED_BACK : back,
        text);
  }

  private static Kernel derived(
      Kernel plain, String forward, String again, String back, RmsNormText text) {
    return plain
        .cuda(text.forward())
        .derivative(
            "x", Kernel.of(forward).cuda(text.training()), Kernel.of(back).cuda(text.back()))
        .cheap(Kernel.of(again).cuda(text.again()));
  }
}
