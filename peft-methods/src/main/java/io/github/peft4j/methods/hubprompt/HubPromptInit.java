package io.github.peft4j.methods.hubprompt;

/** How a prompt starts: {@code prompt_init}. */
public enum HubPromptInit {
  /** Uniform between -0.5 and 0.5. */
  random_uniform,
  /** The vectors of a text's tokens, repeated or cut. */
  from_string
}
