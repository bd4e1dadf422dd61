package io.github.peft4j.methods.fisher;

import io.github.peft4j.config.JsonChoice;

/** Which labels the Fisher information is computed with: {@code sample_type}. */
public enum SampleType implements JsonChoice {
  /** The labels of the data: the empirical Fisher information. */
  LABEL("label"),
  /**
   * The labels that the model expects: the true Fisher information. Where a text has one class, all
   * classes count by their probabilities; where it has a label for each token, one is drawn.
   */
  EXPECT("expect"),
  /** No data at all: a random mask, to compare with. */
  RANDOM("random");

  private final String json;

  SampleType(String json) {
    this.json = json;
  }

  @Override
  public Object json() {
    return json;
  }
}
