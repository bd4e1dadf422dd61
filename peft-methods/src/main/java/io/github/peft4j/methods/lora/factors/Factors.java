package io.github.peft4j.methods.lora.factors;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.Declarations;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Trainable;

/** A [r, in] and B [out, r] of one linear layer, whose update is s B A. */
public interface Factors {

  /** The key of A in its layer. */
  String A = "lora_A.weight";

  /** The key of B in its layer. */
  String B = "lora_B.weight";

  /** Declares the factors in a layer. */
  @FunctionalInterface
  interface Source {
    /** Declares the factors as tensors of this layer. */
    Factors declare(Declarations layer);
  }

  /** The trainable A. */
  Trainable trainedA();

  /** The trainable B. */
  Trainable trainedB();

  /** The scale s of the update. */
  double scale();

  /** A for the formulas, which may have more rows than the trainable A. */
  default NDArray a() {
    return trainedA().value();
  }

  /** B for the formulas, which may have more columns than the trainable B. */
  default NDArray b() {
    return trainedB().value();
  }

  /** The number of rows of {@link #a}. */
  default long rank() {
    return trainedA().value().getShape().get(0);
  }

  /**
   * W x + s B A z.
   *
   * @param x the layer's input (…, in)
   * @param z the same array, or the result of dropout on it
   * @param base x ↦ W x
   */
  NDArray add(NDArray x, NDArray z, Forward<NDArray, NDArray> base);

  /** Whether the update is s B A with the trained factors, and nothing else. */
  default boolean isPlain() {
    return false;
  }

  /** The map that the product of the trainable factors is added to: x ↦ W x, or a part of it. */
  default Forward<NDArray, NDArray> remaining(Forward<NDArray, NDArray> base) {
    return base;
  }

  /** See {@link io.github.peft4j.tuner.TunerLayer#loaded}. */
  default void loaded(boolean all) {}
}
