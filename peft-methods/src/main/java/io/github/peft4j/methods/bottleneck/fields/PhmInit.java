package io.github.peft4j.methods.bottleneck.fields;

import io.github.peft4j.config.JsonChoice;

/** How the shared matrices of Compacter's layers are initialised. */
public enum PhmInit implements JsonChoice {
  /** Normal with standard deviation {@code phm_init_range}, or 0.01 if each layer has its own. */
  NORMAL("normal"),
  /** Uniform between -1 and 1, or ±0.01 if each layer has its own. */
  UNIFORM("uniform");

  private final String json;

  PhmInit(String json) {
    this.json = json;
  }

  @Override
  public Object json() {
    return json;
  }
}
