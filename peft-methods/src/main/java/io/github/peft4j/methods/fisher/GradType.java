package io.github.peft4j.methods.fisher;

import io.github.peft4j.config.JsonChoice;

/** What of an example's gradient is summed: {@code grad_type}. */
public enum GradType implements JsonChoice {
  /** Its squares: the Fisher information. */
  SQUARE("square"),
  /** Its absolute values. */
  ABSOLUTE("absolute");

  private final String json;

  GradType(String json) {
    this.json = json;
  }

  @Override
  public Object json() {
    return json;
  }
}
