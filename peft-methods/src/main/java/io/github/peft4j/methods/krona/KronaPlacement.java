package io.github.peft4j.methods.krona;

import io.github.peft4j.config.JsonChoice;

/** Where KronA's products are: {@code placement}. */
public enum KronaPlacement implements JsonChoice {
  /** Beside weights, as LoRA's: the paper's KronA. */
  WEIGHTS("weights"),
  /** Beside the feed-forward networks: the paper's KronA-B. */
  FEED_FORWARD("feed_forward"),
  /** The same with a trained multiple of the network's input: the paper's KronA-B-res. */
  FEED_FORWARD_RESIDUAL("feed_forward_residual");

  private final String json;

  KronaPlacement(String json) {
    this.json = json;
  }

  @Override
  public Object json() {
    return json;
  }
}
