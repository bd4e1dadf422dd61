package io.github.peft4j.methods.lora.factors;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.Declarations;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Trainable;

/** A [r, in] and B [out, r] of one linear map, whose change of it is s B A. */
public interface Factors {

  /** The key of A in its layer. */
  String A = "lora_A.weight";

  /** The key of B in its layer. */
  String B = "lora_B.weight";

  /** Declares the factors of a layer. */
  @FunctionalInterface
  interface Source {
    /** Declares them as tensors of this layer. */
    Factors declare(Declarations layer);
  }

  /** A as it is trained. */
  Trainable trainedA();

  /** B as it is trained. */
  Trainable trainedB();

  /** s. */
  double scale();

  /** A as formulas take it. */
  default NDArray a() {
    return trainedA().value();
  }

  /** B as formulas take it. */
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
   * @param x the map's input (…, in)
   * @param z the same array, or what dropout has left of it
   * @param base x ↦ W x
   */
  NDArray add(NDArray x, NDArray z, Forward<NDArray, NDArray> base);

  /** The map to which the product of the trained factors is added: x ↦ W x, or a part of it. */
  default Forward<NDArray, NDArray> remaining(Forward<NDArray, NDArray> base) {
    return base;
  }

  /** See {@link io.github.peft4j.tuner.TunerLayer#loaded}. */
  default void loaded(boolean all) {}
}
