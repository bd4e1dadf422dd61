package io.github.peft4j.methods.bottleneck.fields;

import io.github.peft4j.config.JsonChoice;

/**
 * What a serial adapter's output is added to, when it reads the normalised sum: {@code
 * residual_before_ln}.
 */
public enum Residual implements JsonChoice {
  /** The branch's output, before sum and norm. */
  BRANCH(true),
  /** What the adapter reads: the normalised sum. */
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
