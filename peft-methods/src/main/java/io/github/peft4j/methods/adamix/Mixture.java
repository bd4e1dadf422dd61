package io.github.peft4j.methods.adamix;

import io.github.peft4j.config.PeftConfig;

/** A config of experts of one shape. */
public interface Mixture {

  /** The config of an ordinary adapter of this shape. */
  PeftConfig averaged();
}
