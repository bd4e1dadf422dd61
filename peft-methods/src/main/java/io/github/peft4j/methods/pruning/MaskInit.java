package io.github.peft4j.methods.pruning;

import io.github.peft4j.config.JsonChoice;

/** What scores start as: {@code mask_init}. */
public enum MaskInit implements JsonChoice {
  /** All {@code mask_scale}. */
  CONSTANT("constant"),
  /** Uniformly distributed in ±{@code mask_scale}. */
  UNIFORM("uniform"),
  /** Uniformly distributed in ±1 / √(columns of the weight). */
  KAIMING("kaiming");

  private final String json;

  MaskInit(String json) {
    this.json = json;
  }

  @Override
  public Object json() {
    return json;
  }
}
