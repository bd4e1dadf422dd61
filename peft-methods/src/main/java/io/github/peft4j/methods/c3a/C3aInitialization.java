package io.github.peft4j.methods.c3a;

import io.github.peft4j.config.JsonChoice;

/** How C³A's kernels are initialised: {@code init_weights}. */
public enum C3aInitialization implements JsonChoice {
  /** Uniformly in ±√(6 / (in + out)), with an effect from the start: PEFT's default. */
  XAVIER_UNIFORM("xavier_uniform"),
  /** Uniformly in ±1/√in, with an effect from the start. */
  KAIMING_UNIFORM("kaiming_uniform"),
  /** From a standard normal distribution, with an effect from the start. */
  GAUSSIAN("gaussian"),
  /** With zeros: no effect at the start. */
  ZEROS(true),
  /** Like {@link #XAVIER_UNIFORM}, in PEFT's other spelling. */
  RANDOM(false);

  private final Object json;

  C3aInitialization(Object json) {
    this.json = json;
  }

  @Override
  public Object json() {
    return json;
  }
}
