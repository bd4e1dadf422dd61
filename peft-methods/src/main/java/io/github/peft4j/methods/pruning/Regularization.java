package io.github.peft4j.methods.pruning;

import io.github.peft4j.config.JsonChoice;

/** The penalty of scores in the loss: {@code regularization}. */
public enum Regularization implements JsonChoice {
  /** The mean of σ(S). */
  L1("l1"),
  /** The mean probability that a gate of {@link PruningMethod#L0} is not closed. */
  L0("l0");

  private final String json;

  Regularization(String json) {
    this.json = json;
  }

  @Override
  public Object json() {
    return json;
  }
}
