package io.github.peft4j.methods.adapterhub.prompttuning;

/** How a prompt starts: {@code prompt_init}. */
public enum AdapterHubPromptInit {
  /** Uniform between -0.5 and 0.5. */
  random_uniform,
  /** The vectors of a text's tokens, repeated or cut. */
  from_string
}
