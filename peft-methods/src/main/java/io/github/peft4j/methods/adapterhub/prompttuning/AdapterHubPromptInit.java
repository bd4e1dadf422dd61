package io.github.peft4j.methods.adapterhub.prompttuning;

import io.github.peft4j.config.JsonChoice;

/** How a prompt is initialised: {@code prompt_init}. */
public enum AdapterHubPromptInit implements JsonChoice {
  /** Uniform between -0.5 and 0.5. */
  RANDOM_UNIFORM("random_uniform"),
  /** The vectors of a text's tokens, repeated or cut. */
  FROM_STRING("from_string");

  private final String json;

  AdapterHubPromptInit(String json) {
    this.json = json;
  }

  @Override
  public Object json() {
    return json;
  }
}
