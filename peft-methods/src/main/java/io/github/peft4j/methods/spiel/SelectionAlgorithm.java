package io.github.peft4j.methods.spiel;

import io.github.peft4j.config.JsonChoice;

/** By what entries are grown. */
public enum SelectionAlgorithm implements JsonChoice {
  /** Gradients that candidates have accumulated: SpIEL-AG, with AdamW. */
  ACCUMULATED_GRADIENTS("rigl"),
  /** Products of row and column moments of SM3: SpIEL-MA. */
  MOMENT_APPROXIMATION("sm3");

  private final String json;

  SelectionAlgorithm(String json) {
    this.json = json;
  }

  @Override
  public Object json() {
    return json;
  }
}
