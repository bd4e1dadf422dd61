package io.github.peft4j.methods.lokr;

import io.github.peft4j.config.JsonChoice;

/** How LoKr's factors are initialised: {@code init_weights}. */
public enum LokrInitialization implements JsonChoice {
  /** The left factor is zero, the right one Kaiming-uniform: no effect at the start. */
  DEFAULT(true),
  /**
   * The left factor is Kaiming-uniform, the right one zero, as in LyCORIS: no effect at the start.
   */
  LYCORIS("lycoris"),
  /** Both factors are random, with an effect from the start; for tests. */
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
