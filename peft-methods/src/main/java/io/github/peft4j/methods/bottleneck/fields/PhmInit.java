package io.github.peft4j.methods.bottleneck.fields;

/** How the matrices start that Compacter's layers share. */
public enum PhmInit {
  /** Normal with deviation {@code phm_init_range}; 0.01 if each layer has its own. */
  normal,
  /** Uniform between -1 and 1; ±0.01 if each layer has its own. */
  uniform
}
