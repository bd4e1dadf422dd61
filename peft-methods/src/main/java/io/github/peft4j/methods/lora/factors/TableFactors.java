package io.github.peft4j.methods.lora.factors;

import io.github.peft4j.tuner.Trainable;

/** A layer of a table [V, d] with the change s Aᵀ Bᵀ. */
public interface TableFactors {

  /** A [r, V]. */
  Trainable trainedA();

  /** B [d, r]. */
  Trainable trainedB();
}
