package io.github.peft4j.methods.lora.factors;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.methods.lora.init.InitialFactors;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Trainable;

/** Factors that are used as they are trained. */
public record PlainFactors(
    Trainable trainedA, Trainable trainedB, double scale, LowRankProduct product)
    implements Factors {

  PlainFactors(Trainable a, Trainable b, double scale) {
    this(a, b, scale, new LowRankProduct(scale, false));
  }

  /** Factors with these initial values. */
  public static Source of(InitialFactors start, double scale) {
    return layer ->
        new PlainFactors(layer.trainable(A, start.a()), layer.trainable(B, start.b()), scale);
  }

  @Override
  public boolean isPlain() {
    return true;
  }

  @Override
  public NDArray add(NDArray x, NDArray z, Forward<NDArray, NDArray> base) {
    return product.add(base.forward(x), z, a(), b());
  }
}
