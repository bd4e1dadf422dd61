package io.github.peft4j.methods.lora.factors;

/** A layer of A and B. */
public interface Factored {

  /** A and B. */
  Factors factors();
}
