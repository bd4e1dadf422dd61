package io.github.peft4j.methods.lora;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.Configs;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Initial;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.ParameterSite;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;

/**
 * W + s B A in place of a tensor W [m, n] of whatever module, with A [r, n] and B [m, r]: PEFT's
 * {@code target_parameters}. The sum is made anew in every pass.
 */
final class LoraParameter extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final Kernel ADD =
      Kernel.of(
          """
          def add(w: Tensor, a: Tensor, b: Tensor) -> Tensor:              # (m, n)
              return torch.addmm(w, b.to(w.dtype), a.to(w.dtype), alpha={scale})
          """);

  private final Trainable a;
  private final Trainable b;
  private final Kernel add;

  LoraParameter(ParameterSite site, LoraConfig config, Initial initial) {
    Shape shape = site.shape();
    Configs.require(
        shape.dimension() == 2,
        LoraConfig.class,
        "target_parameters",
        config.targetParameters(),
        "tensors of two dimensions: " + site.name() + " is " + shape);
    int r = config.rankOf(site.name());
    boolean gaussian = config.initLoraWeights().equals(LoraInitialization.GAUSSIAN);
    boolean random = config.initLoraWeights().equals(LoraInitialization.RANDOM);
    long m = shape.get(0);
    long n = shape.get(1);
    this.a =
        trainable(
            "lora_A.weight",
            gaussian ? initial.normal(1.0 / r, r, n) : initial.kaimingUniform(r, n));
    this.b =
        trainable("lora_B.weight", random ? initial.kaimingUniform(m, r) : initial.zeros(m, r));
    this.add = ADD.with("scale", config.scaleOf(site.name()));
  }

  @Override
  public NDArray forward(NDArray frozen, Forward<NDArray, NDArray> base) {
    return add.call(base.forward(frozen), a.value(), b.value());
  }

  @Override
  public NDArray merge(NDArray weight) {
    return add.call(weight, a.value(), b.value());
  }
}
