package io.github.peft4j.methods.lokr;

import io.github.peft4j.config.JsonChoice;

/** How LoKr's factors start: {@code init_weights}. */
public enum LokrInitialization implements JsonChoice {
  /** The left factor zero, the right one Kaiming-uniform: no effect at first. */
  DEFAULT(true),
  /** The left factor Kaiming-uniform, the right one zero, as in LyCORIS: no effect at first. */
  LYCORIS("lycoris"),
  /** Both random: an effect from the start; for tests. */
  RANDOM(false);

  private final Object json;

  LokrInitialization(Object json) {
    this.json = json;
  }

  @Override
  public Object json() {
    return json;
  }
}
