package io.github.peft4j.generate;

/** Why a generation ended. */
public enum FinishReason {
  /** The model wrote an end-of-text token or another stop token of the config. */
  STOP_TOKEN,
  /** The text contains a stop string. */
  STOP_STRING,
  /** A stopping criterion of the config ends the text. */
  STOPPING_CRITERION,
  /** The maximum number of new tokens was written. */
  MAX_NEW_TOKENS,
  /** The model has no position left for another token. */
  MAX_POSITIONS
}
