package io.github.peft4j.methods.hira;

import io.github.peft4j.config.JsonChoice;

/** How HiRA's factors start: {@code init_weights}. */
public enum HiraInitialization implements JsonChoice {
  /** A Kaiming-uniform, B zeros: no effect at the start. */
  DEFAULT(true),
  /** A normal with standard deviation 1 / r, B zeros: no effect at the start. */
  GAUSSIAN("gaussian"),
  /** Both standard normal, with an effect from the start; for tests. */
  RANDOM(false);

  private final Object json;

  HiraInitialization(Object json) {
    this.json = json;
  }

  @Override
  public Object json() {
    return json;
  }

  @Override
  public boolean ignoresCase() {
    return true;
  }
}
