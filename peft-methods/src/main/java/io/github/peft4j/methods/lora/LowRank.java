package io.github.peft4j.methods.lora;

/** A layer of A and B. */
interface LowRank {

  /** A and B. */
  Factors factors();
}
