package io.github.peft4j.methods.miss;

import io.github.peft4j.config.JsonChoice;

/** MiSS's variants: {@code init_weights}. */
public enum MissInitialization implements JsonChoice {
  /** A matrix [r, out] of zeros: no effect at the start. */
  DEFAULT(true),
  /** A matrix [r, mini_r] of zeros that repeats along the output. */
  MINI("mini"),
  /** Matrices [out / r, r, r] of zeros that multiply the frozen weight: Bat. */
  BAT("bat"),
  /** A random matrix [r, out], with an effect from the start; for tests. */
  RANDOM(false);

  private final Object json;

  MissInitialization(Object json) {
    this.json = json;
  }

  @Override
  public Object json() {
    return json;
  }
}
