package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.site.NormSite;
import io.github.peft4j.tuner.site.ParameterSite;
import org.jspecify.annotations.Nullable;

/** Layer norm (Ba et al. 2016) or RMS norm (Zhang and Sennrich 2019) over the last dimension. */
public final class Norm extends NamedBlock {

  private static final Kernel RMS =
      Kernel.of(
          """
          def rms_norm(x: Tensor, weight: Tensor) -> Tensor:          # x (…, D), weight (D)
              return torch.rms_norm(x, [torch.size(x, -1)], weight.to(x.dtype), {eps})
          """);
  private static final Kernel LAYER =
      Kernel.of(
          """
          def layer_norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
              return torch.layer_norm(x, [torch.size(x, -1)], weight.to(x.dtype), bias.to(x.dtype), {eps})
          """);

  private final ParameterSite weight;
  private final @Nullable ParameterSite bias;
  private final Kernel kernel;
  private final NormSite site;

  /**
   * Creates a norm.
   *
   * @param weight [D]
   * @param bias [D] for a layer norm, null for an RMS norm
   * @param epsilon added to the variance or mean square
   */
  public Norm(String name, NDArray weight, @Nullable NDArray bias, double epsilon) {
    super(name);
    this.weight = new ParameterSite(name + ".weight", weight);
    this.bias = bias == null ? null : new ParameterSite(name + ".bias", bias);
    this.kernel = (bias == null ? RMS : LAYER).with("eps", epsilon);
    this.site = publish(new NormSite(name, this.weight, this.bias, this::frozenForward));
    publish(this.weight);
    if (this.bias != null) {
      publish(this.bias);
    }
  }

  /** Normalises x (…, D). */
  public NDArray forward(NDArray x, ForwardContext context) {
    return site.forward(x, context);
  }

  private NDArray frozenForward(NDArray x, ForwardContext context) {
    return bias == null
        ? kernel.call(x, weight.value(context))
        : kernel.call(x, weight.value(context), bias.value(context));
  }
}
