package io.github.peft4j.methods.lora;

/** A layer of A and B. */
interface Factored {

  /** A and B. */
  Factors factors();
}
