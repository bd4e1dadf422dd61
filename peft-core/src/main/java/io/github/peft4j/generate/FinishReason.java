package io.github.peft4j.generate;

/** Why a text ends where it does. */
public enum FinishReason {
  /** The model wrote an end-of-text token, or another that the config stops at. */
  STOP_TOKEN,
  /** The text came to hold a stop string. */
  STOP_STRING,
  /** As many tokens were written as the config allows. */
  MAX_NEW_TOKENS,
  /** The model has no position for another token. */
  MAX_POSITIONS
}
