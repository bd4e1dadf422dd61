package io.github.peft4j.methods.hubprompt;

import io.github.peft4j.JsonChoice;

/** How a prompt starts: {@code prompt_init}. */
public enum HubPromptInit implements JsonChoice {
  /** Uniform between -0.5 and 0.5. */
  RANDOM_UNIFORM("random_uniform"),
  /** The vectors of a text's tokens, repeated or cut. */
  FROM_STRING("from_string");

  private final String json;

  HubPromptInit(String json) {
    this.json = json;
  }

  @Override
  public Object json() {
    return json;
  }
}
