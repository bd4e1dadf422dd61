package io.github.peft4j.methods.lora;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.methods.lora.factors.Factors;
import io.github.peft4j.methods.lora.factors.LowRankProduct;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;

/**
 * W + s B A instead of a tensor W [m, n] of any module, with A [r, n] and B [m, r]: PEFT's {@code
 * target_parameters}. The sum is computed in every pass.
 */
final class LoraParameter extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private final Trainable a;
  private final Trainable b;
  private final LowRankProduct product;

  /**
   * Creates the adapter of one tensor.
   *
   * @param a initial value of A [r, n]
   * @param b initial value of B [m, r]
   */
  LoraParameter(NDArray a, NDArray b, double scale) {
    this.a = trainable(Factors.A, a);
    this.b = trainable(Factors.B, b);
    this.product = new LowRankProduct(scale, false);
  }

  @Override
  public NDArray forward(NDArray frozen, Forward<NDArray, NDArray> base) {
    return product.merge(base.forward(frozen), a.value(), b.value());
  }

  @Override
  public NDArray merge(NDArray weight) {
    return product.merge(weight, a.value(), b.value());
  }
}
