package io.github.peft4j.methods.bottleneck.fields;

import io.github.peft4j.config.JsonChoice;

/**
 * The term that the output of a serial adapter is added to, if the adapter reads the normalised
 * sum: {@code residual_before_ln}.
 */
public enum Residual implements JsonChoice {
  /** The branch's output, before sum and norm. */
  BRANCH(true),
  /** The adapter's input: the normalised sum. */
  NORMALISED(false),
  /** The sum of branch and stream, before the norm. */
  SUM("post_add");

  private final Object json;

  Residual(Object json) {
    this.json = json;
  }

  @Override
  public Object json() {
    return json;
  }
}
