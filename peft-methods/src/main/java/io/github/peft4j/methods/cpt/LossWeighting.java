package io.github.peft4j.methods.cpt;

import io.github.peft4j.config.JsonChoice;

/** How the labels of the prompt are weighted in the loss: {@code opt_weighted_loss_type}. */
public enum LossWeighting implements JsonChoice {
  /** As much as those of the text. */
  NONE("none"),
  /** The less, the further their example is from the text. */
  DECAY("decay");

  private final String json;

  LossWeighting(String json) {
    this.json = json;
  }

  @Override
  public Object json() {
    return json;
  }
}
