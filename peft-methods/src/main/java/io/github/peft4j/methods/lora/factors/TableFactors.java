package io.github.peft4j.methods.lora.factors;

import io.github.peft4j.tuner.Trainable;

/** A layer of an embedding [V, d] with the update s Aᵀ Bᵀ. */
public interface TableFactors {

  /** A [r, V]. */
  Trainable trainedA();

  /** B [d, r]. */
  Trainable trainedB();
}
