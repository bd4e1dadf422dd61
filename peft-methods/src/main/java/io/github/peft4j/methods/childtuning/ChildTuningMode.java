package io.github.peft4j.methods.childtuning;

import io.github.peft4j.config.JsonChoice;

/** Which gradients of a step count: {@code mode}. */
public enum ChildTuningMode implements JsonChoice {
  /** A random part, drawn anew at each step, scaled by 1 / p. */
  FREE("ChildTuning-F"),
  /** Those of the parameters with the largest Fisher information, the same at each step. */
  DRIVEN("ChildTuning-D");

  private final String json;

  ChildTuningMode(String json) {
    this.json = json;
  }

  @Override
  public Object json() {
    return json;
  }
}
