package io.github.peft4j.methods.lora.factors;

/** A layer with factors A and B. */
public interface Factored {

  /** The factors of the layer. */
  Factors factors();
}
