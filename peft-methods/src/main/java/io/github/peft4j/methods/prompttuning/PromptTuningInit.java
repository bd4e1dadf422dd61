package io.github.peft4j.methods.prompttuning;

/** How a prompt is initialised: {@code prompt_tuning_init}. */
public enum PromptTuningInit {
  /** From a normal distribution with standard deviation 1. */
  RANDOM,
  /** The vectors of a text's tokens, repeated or cut. */
  TEXT,
  /** The vectors of tokens drawn from the vocabulary. */
  SAMPLE_VOCAB
}
