package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.WeightedSite;
import org.jspecify.annotations.Nullable;

/** A block that computes a kernel of its input, a weight and perhaps a bias. */
abstract class WeightedBlock extends NamedBlock {

  final ParameterSite weight;
  final @Nullable ParameterSite bias;
  private final Kernel kernel;

  /**
   * Creates a block.
   *
   * @param kernel of the input, the weight and, if there is one, the bias
   */
  WeightedBlock(String name, NDArray weight, @Nullable NDArray bias, Kernel kernel) {
    this(name, new ParameterSite(name + ".weight", weight), bias, kernel);
  }

  WeightedBlock(String name, ParameterSite weight, @Nullable NDArray bias, Kernel kernel) {
    super(name);
    this.weight = weight;
    this.bias = bias == null ? null : new ParameterSite(name + ".bias", bias);
    this.kernel = kernel;
  }

  /** Publishes the block's site, and then the tensors. */
  final <S extends WeightedSite> S publishWithTensors(S site) {
    publish(site);
    publish(weight);
    if (bias != null) {
      publish(bias);
    }
    return site;
  }

  NDArray frozenForward(NDArray x, ForwardContext context) {
    return bias == null
        ? kernel.call(x, weight.value(context))
        : kernel.call(x, weight.value(context), bias.value(context));
  }
}
